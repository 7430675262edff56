"""The page that compares us with Airflow says what the stored answers say, and every test it names exists."""

from __future__ import annotations

from tests.architecture.source_files import ROOT
from tests.compat.compatibility_page import PAGE, page
from tests.compat.proofs import PROOFS


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.compat.compatibility_page"


def test_every_proof_exists() -> None:
    for feature, tests in PROOFS:
        assert tests, feature
        for name in tests:
            assert (ROOT / name).exists(), name
