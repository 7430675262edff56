"""Every operation that Airflow describes is answered here, or is named with a reason: the list is made, not kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.api import oracle_v2
from tests.architecture import public_api_page
from tests.architecture.public_api_page import MISSING, answer_of, described, served


def test_each_operation_is_answered_or_named_as_missing() -> None:
    found = served()
    unanswered = {each["id"] for each in described() if answer_of(each, found) is None}
    assert unanswered == set(MISSING), "a new operation is missing, or one that is named is answered now"
    assert all(MISSING.values()), "each has a reason"


def test_what_does_not_exist_in_airflow_is_not_served() -> None:
    import re

    theirs = {(each["method"], re.sub(r"{[^}]*}", "{}", each["path"])) for each in described()}
    own = {(method, path) for method, path in served() if (method, path) not in theirs}
    assert own == {
        ("POST", "/auth/token"),
        ("GET", "/auth/token"),
        ("POST", "/auth/token/cli"),
        ("GET", "/auth/token/login"),
    }, "what Airflow's simple auth manager has beside its API, and nothing else"


def test_a_missing_operation_would_be_found() -> None:
    found = served()
    [told] = [each for each in described() if each["id"] == "get_pools"]
    assert answer_of(told, found) is not None
    found.pop(("GET", "/api/v2/pools"))
    assert answer_of(told, found) is None


def test_the_page_is_the_tables() -> None:
    assert public_api_page.PAGE.read_text(encoding="utf-8") == public_api_page.page()


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
def test_the_stored_list_is_airflows() -> None:
    assert described() == oracle_v2.operations(Path(os.environ["AERODROME_TEST_RUNTIME"]))
