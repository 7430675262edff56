"""The seed documents' own DAG files: they run as written, or say which requirement they miss."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.airflow_runtime import REPOSITORY, VARIABLE, AirflowRuntime

SEEDS = REPOSITORY / "tests/fixtures/seeds"
INDEX: dict[str, dict[str, Any]] = json.loads((SEEDS / "index.json").read_text())
MODULES = {"scikit-learn": "sklearn", "psycopg2-binary": "psycopg2"}
ONLY_WHEN_RUN = {"psycopg2-binary"}


def is_installed(requirement: str) -> bool:
    code = f"import importlib.metadata as m; m.version({requirement!r})"
    return (
        subprocess.run([os.environ[VARIABLE], "-c", code], capture_output=True, check=False).returncode == 0
    )


def test_the_index_names_every_file() -> None:
    assert set(INDEX) == {path.relative_to(SEEDS).as_posix() for path in SEEDS.glob("*/*.py")}


@pytest.mark.parametrize("path", INDEX)
def test_a_seed_is_listed_or_names_what_it_misses(runtime: AirflowRuntime, path: str) -> None:
    entry = INDEX[path]
    folder, _, name = path.partition("/")
    told = runtime.parse(bundle=SEEDS / folder, path=name)
    needed = [each for each in entry["requirements"] if each not in ONLY_WHEN_RUN]
    missing = [each for each in needed if not is_installed(each)]
    if not missing:
        assert told.failures == []
        assert [spec.dag_id for spec in told.dags] == entry["dags"]
        return
    (only,) = told.failures
    assert only.line > 0
    assert "requirements.txt" in only.message
    assert any(each in only.message or MODULES.get(each, each) in only.message for each in missing)


def test_each_old_spelling_is_told(runtime: AirflowRuntime) -> None:
    told = runtime.parse(bundle=SEEDS / "dags", path="process_sources.py")
    found = {(each.code, each.line) for each in told.findings}
    assert ("AERO-SHIM-schedule-interval", 16) in found
    backoff = runtime.parse(bundle=SEEDS / "fragments", path="fragile_task.py")
    assert "AERO-SHIM-exponential-backoff" in {each.code for each in backoff.findings}
    assert backoff.dags[0].tasks[0].retry_exponential_backoff == 2.0
    assert backoff.dags[0].tasks[0].max_retry_delay_seconds == 3600.0


def test_one_more_entry_is_one_more_dag_and_leaves_the_others(
    runtime: AirflowRuntime, tmp_path: Path
) -> None:
    from taskwire.canonical import content_hash

    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (bundle / "dynamic_ingest.py").write_text((SEEDS / "dags/dynamic_ingest.py").read_text())
    without = runtime.parse(bundle=bundle, path="dynamic_ingest.py")
    assert without.dags == []
    assert without.dependencies["ingestion_config.json"] == ""
    config = json.loads((SEEDS / "dags/ingestion_config.json").read_text())
    (bundle / "ingestion_config.json").write_text(json.dumps(config))
    three = runtime.parse(bundle=bundle, path="dynamic_ingest.py")
    config["pipelines"].append({"table": "returns", "schedule": None})
    (bundle / "ingestion_config.json").write_text(json.dumps(config))
    four = runtime.parse(bundle=bundle, path="dynamic_ingest.py")
    before = {spec.dag_id: content_hash(spec) for spec in three.dags}
    after = {spec.dag_id: content_hash(spec) for spec in four.dags}
    assert set(after) - set(before) == {"dynamic_ingest_returns"}
    assert {dag_id: after[dag_id] for dag_id in before} == before
