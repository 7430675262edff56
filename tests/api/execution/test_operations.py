"""The Task Execution API is complete: every operation of Airflow's own app, in each of its versions, and none besides."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.urls import resolve

from api.execution import versions
from api.execution.gate import RULES
from api.execution.urls import urlpatterns
from tests.support.actors import Door
from tests.support.attempts import Try, running_try

HERE = Path(__file__).parent
STORED = HERE.parents[1] / "fixtures" / "execution_operations.json"
OPERATIONS: dict[str, list[str]] = json.loads(STORED.read_text())
NEWEST = [tuple(name.split()) for name in OPERATIONS[versions.NEWEST]]
PUBLIC = {"/health", "/health/ping"}


def _filled(path: str) -> str:
    """A path of Airflow's table with something in the place of each parameter."""
    path = path.replace("{offset}", "0").replace(":path}", "}")
    return re.sub(r"\{\w+\}", "1ab2a0b6-0000-7000-8000-000000000001", path)


def _pattern(path: str) -> re.Pattern[str]:
    """What Airflow's router takes for this path."""
    place = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", re.sub(r"\{\w+:path\}", ".*", place)) + "$")


def test_the_versions_are_airflows() -> None:
    assert sorted(OPERATIONS) == sorted(versions.VERSIONS)
    assert len(NEWEST) == 55


@pytest.mark.parametrize(("method", "path"), NEWEST)
def test_every_operation_is_routed(method: str, path: str) -> None:
    view = resolve(f"/execution{_filled(path)}").func
    if path in PUBLIC:
        assert not hasattr(view, "rules")
    else:
        assert method in view.rules, f"{method} {path} has no endpoint"


def test_nothing_is_served_that_airflow_does_not_have() -> None:
    ours = set()
    for pattern in urlpatterns:
        shape = str(pattern.pattern).strip("^$")
        shape = re.sub(r"<name_or_uri:\w+>", "name", shape)
        shape = re.sub(r"<path:\w+>|\(\?P<key>\.\+\)", "a/b", shape)
        shape = re.sub(r"<\w+:\w+>|\(\?P<offset>[^)]*\)|\(\?P<\w+>\[\^/\]\+\)", "x", shape)
        ours |= {(method, f"/{shape}") for method in getattr(pattern.callback, "rules", {})}
    assert len(ours) > 45
    old = {("GET", "/dag-runs/x/previous"), ("POST", "/dag-runs/x/previous")}
    """A path of its own until 2026-04-06; since then a run called `previous`."""
    strange = {
        (method, path)
        for method, path in ours - old
        if not any(method == each and _pattern(theirs).match(path) for each, theirs in NEWEST)
    }
    assert strange == set()


@pytest.mark.parametrize("version", sorted(OPERATIONS))
def test_each_version_has_its_operations_and_no_others(version: str) -> None:
    has = {tuple(name.split()) for name in OPERATIONS[version]}
    everything = {tuple(name.split()) for names in OPERATIONS.values() for name in names}
    for method, path in sorted(everything):
        status = versions.missing(version=version, method=method, path=_filled(path))
        if (method, path) in has or path in ("/variables/keys", "/dag-runs/{dag_id}/previous"):
            continue  # the latter two are a name of something in other versions, see test_versions.py
        same_path = {m for m, p in has if _pattern(p).match(_filled(path))}
        assert status == (405 if same_path else 404), (method, path)
    for method, path in sorted(has):
        assert versions.missing(version=version, method=method, path=_filled(path)) is None, (method, path)


@pytest.fixture
def attempt(tenant: Any) -> Try:
    return running_try(tenant)


def test_none_is_answered_as_unknown(attempt: Try) -> None:
    """Against the running door: nothing is `Not Found` or `Method Not Allowed` as a path."""
    door, strange = attempt.door(), []
    for method, path in NEWEST:
        answer = door.call(method, _filled(path)[1:])
        if method != "HEAD" and answer.body in ({"detail": "Not Found"}, {"detail": "Method Not Allowed"}):
            strange.append((method, path))
        assert answer.status < 500, (method, path)
    assert strange == []


def test_control_an_operation_that_is_missing_is_found(attempt: Try) -> None:
    assert Door(prefix="/execution/", token=attempt.token).get("store/nothing").body == {
        "detail": "Not Found"
    }
    assert versions.missing(version="2026-04-06", method="GET", path="/store/ti/x/k") == 404


def test_every_endpoint_is_routed() -> None:
    """None that was written and hooked up nowhere."""
    routed = {rule for pattern in urlpatterns for rule in getattr(pattern.callback, "endpoints", {}).values()}
    assert set(RULES) == routed


@pytest.mark.skipif("AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named")
def test_airflow_still_says_so(tmp_path: Path) -> None:
    """The stored list is that of the real app."""
    told = subprocess.run(
        [os.environ["AERODROME_TEST_RUNTIME"], str(HERE / "oracle_operations.py")],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)},
        check=False,
    )
    assert told.returncode == 0, told.stderr[-2000:]
    assert json.loads(told.stdout) == OPERATIONS
