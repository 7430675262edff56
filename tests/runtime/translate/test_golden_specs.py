"""The examples' specs, stored. After a wanted change: REWRITE_SPECS=1 pytest <this file>; read the diff."""

from __future__ import annotations

import json
import os
from pathlib import Path

import msgspec
import pytest

from taskwire.canonical import canonical_json
from taskwire.dagspec import DagSpec
from tests.support.airflow_runtime import REPOSITORY, AirflowRuntime

EXAMPLES = REPOSITORY / "examples"
STORED = REPOSITORY / "tests/fixtures/specs"
FILES = sorted(path.relative_to(EXAMPLES).as_posix() for path in (EXAMPLES / "dags").glob("*.py"))


@pytest.mark.parametrize("path", FILES)
def test_an_example_is_told_as_stored(runtime: AirflowRuntime, path: str) -> None:
    told = runtime.parse(bundle=EXAMPLES, path=path)
    assert told.failures == []
    assert told.dags
    for spec in told.dags:
        file = STORED / f"{spec.dag_id}.json"
        pretty = msgspec.json.format(canonical_json(spec), indent=1) + b"\n"
        if "REWRITE_SPECS" in os.environ:
            file.write_bytes(pretty)
        assert file.read_bytes() == pretty


def test_every_stored_spec_has_its_example_and_its_expected_end() -> None:
    expected = json.loads((EXAMPLES / "expected.json").read_text())["dags"]
    stored = {
        path.stem: msgspec.json.decode(path.read_bytes(), type=DagSpec) for path in STORED.glob("*.json")
    }
    assert set(stored) == set(expected)
    for dag_id, spec in stored.items():
        assert {task.task_id for task in spec.tasks} == set(expected[dag_id]["tasks"])


def test_a_spec_survives_the_wire_unchanged() -> None:
    for file in STORED.glob("*.json"):
        spec = msgspec.json.decode(file.read_bytes(), type=DagSpec)
        assert msgspec.json.format(canonical_json(spec), indent=1) + b"\n" == file.read_bytes()


def test_the_examples_need_no_package(tmp_path: Path) -> None:
    lines = (EXAMPLES / "requirements.txt").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
