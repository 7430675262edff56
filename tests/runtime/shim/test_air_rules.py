"""Every name, argument and key of Ruff's AIR rules, run in a real runtime; and the page that lists them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.airflow_runtime import AirflowRuntime
from tests.support.shim_cases import CASES, ShimCase
from tests.support.shim_page import ATTRIBUTES, NAMES, PAGE, page, verdict


def text_of(name: str) -> str:
    module, _, attribute = name.rpartition(".")
    if name in ATTRIBUTES:
        home, _, owner = module.rpartition(".")
        return f"from {home} import {owner}\n{owner}.{attribute}\n"
    return f"from {module} import {attribute}\n{attribute}\n"


def test_the_names_are_those_that_ruff_reports(tmp_path: Path) -> None:
    """A newer Ruff that knows another rule for one of them is noticed here."""
    for number, name in enumerate(NAMES):
        (tmp_path / f"n{number}.py").write_text(text_of(name))
    ruff = [str(Path(sys.executable).parent / "ruff"), "check", "--isolated", "--no-cache", "--preview"]
    told = subprocess.run(
        [*ruff, "--select", "AIR3", "--output-format", "json", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    found: dict[int, set[str]] = {}
    for row in json.loads(told.stdout):
        found.setdefault(int(Path(row["filename"]).stem[1:]), set()).add(row["code"])
    assert {
        name for number, name in enumerate(NAMES) if NAMES[name][0] not in found.get(number, set())
    } == set()


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "python -m tests.support.shim_page"


def test_every_import_ends_as_the_page_says(
    runtime: AirflowRuntime, tmp_path: Path, record_property: pytest.FixtureRequest
) -> None:
    wrong, without_provider = [], []
    for name in NAMES:
        word, more = verdict(name)
        told = runtime.parse_text(bundle=tmp_path, text=text_of(name))
        message = told.failures[0].message if told.failures else ""
        ours = [each for each in told.findings if each.code.startswith("AERO-SHIM")]
        if message and "Add " in message and "to requirements.txt" in message:
            without_provider.append(name)
            if not is_of_a_provider(name, more):
                wrong.append((name, word, message))
        elif word == "refused":
            if name not in ATTRIBUTES and f"cannot work here: {more}" not in message:
                wrong.append((name, word, message))
        elif message:
            wrong.append((name, word, message))
        elif (word == "works") != bool(ours) or any(not each.hint or each.line == 0 for each in ours):
            wrong.append((name, word, str(told.findings)))
    assert wrong == []
    record_property("without their provider", len(without_provider))  # type: ignore[operator]
    assert len(without_provider) < len(NAMES) / 2


def is_of_a_provider(name: str, more: str) -> bool:
    return ".providers." in name or ".providers." in more or "`kubernetes." in more or "stand_ins_sql" in more


@pytest.mark.parametrize("case", CASES, ids=[f"{case.what}-{index}" for index, case in enumerate(CASES)])
def test_an_old_argument_key_or_attribute(runtime: AirflowRuntime, tmp_path: Path, case: ShimCase) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=case.text)
    if not case.code:
        assert case.modern in told.failures[0].message
        return
    assert [each.message for each in told.failures] == []
    found = [each for each in told.findings if each.code == f"AERO-SHIM-{case.code}"]
    assert found, told.findings
    assert case.modern in found[0].hint
    assert found[0].line > 0
