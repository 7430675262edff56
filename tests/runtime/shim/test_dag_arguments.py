from pathlib import Path

import pytest

from taskwire.dagspec import DagSpec
from taskwire.parsing import FileParse
from tests.support.airflow_runtime import AirflowRuntime, start

HEAD = """
from datetime import datetime, timedelta
from airflow import DAG
from airflow.sdk import dag, task, CronTriggerTimetable
"""


def parsed(runtime: AirflowRuntime, bundle: Path, text: str) -> tuple[DagSpec, list[tuple[str, int, str]]]:
    told = runtime.parse_text(bundle=bundle, text=HEAD + text)
    assert told.failures == []
    return told.dags[0], shim_findings(told)


def shim_findings(told: FileParse) -> list[tuple[str, int, str]]:
    return [(each.code.removeprefix("AERO-SHIM-"), each.line, each.hint) for each in told.findings]


@pytest.mark.parametrize(
    ("argument", "finding", "hint", "field", "value"),
    [
        ("schedule_interval='0 2 * * *'", "schedule-interval", "schedule=", "timetable.summary", "0 2 * * *"),
        ("schedule_interval=None", "schedule-interval", "schedule=", "timetable.kind", "null"),
        (
            "schedule_interval=timedelta(1)",
            "schedule-interval",
            "schedule=",
            "timetable.kind",
            "trigger_delta",
        ),
        (
            "timetable=CronTriggerTimetable('@daily', timezone='UTC')",
            "timetable",
            "schedule=",
            "timetable.expression",
            "0 0 * * *",
        ),
        ("concurrency=3", "concurrency", "max_active_tasks=", "max_active_tasks", 3),
        ("fail_stop=True", "fail-stop", "fail_fast=", "fail_fast", True),
        ("default_view='tree'", "default-view", "", "dag_id", "d"),
        ("orientation='LR'", "orientation", "", "dag_id", "d"),
        ("sla_miss_callback=print", "sla-miss-callback", "DAG(deadline=", "has_callbacks", ["sla_miss"]),
        ("default_args={'provide_context': True}", "provide-context", "", "default_args", {}),
        (
            "default_args={'task_concurrency': 2}",
            "task-concurrency",
            "max_active_tis_per_dag=",
            "default_args",
            {"max_active_tis_per_dag": 2},
        ),
    ],
)
def test_an_old_argument_works_and_is_told(
    runtime: AirflowRuntime,
    tmp_path: Path,
    argument: str,
    finding: str,
    hint: str,
    field: str,
    value: object,
) -> None:
    for text in (f"x = DAG('d', {argument})\n", f"@dag(dag_id='d', {argument})\ndef f(): ...\nf()\n"):
        spec, found = parsed(runtime, tmp_path, text)
        held: object = spec
        for name in field.split("."):
            held = getattr(held, name)
        assert held == value
        (only,) = found
        assert only[0] == finding
        assert only[1] >= 5
        assert hint in only[2]


def test_arguments_by_position(runtime: AirflowRuntime, tmp_path: Path) -> None:
    spec, found = parsed(runtime, tmp_path, "x = DAG('d', 'about it', '@daily')\n")
    assert (spec.description, spec.timetable.expression) == ("about it", "0 0 * * *")
    assert [each[0] for each in found] == ["dag-positional", "schedule-interval"]


def test_old_attributes_can_be_read(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "x = DAG('d', schedule='@daily')\nassert x.schedule_interval == '@daily'\nassert x.concurrency == 16\n"
    parsed(runtime, tmp_path, text)


def test_two_schedules_are_refused(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = HEAD + "x = DAG('d', schedule='@daily', schedule_interval='@hourly')\n"
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert told.dags == []
    assert "only one of schedule=, schedule_interval= and timetable=" in told.failures[0].message


def test_an_unknown_argument_is_still_refused(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=HEAD + "x = DAG('d', shedule='@daily')\n")
    assert "unexpected keyword argument 'shedule'" in told.failures[0].message
    assert told.failures[0].line == 5


def test_todays_spelling_is_silent(runtime: AirflowRuntime, tmp_path: Path) -> None:
    _, found = parsed(runtime, tmp_path, "x = DAG('d', schedule='@daily', max_active_tasks=3)\n")
    assert found == []


def test_without_the_shim_airflow_refuses_them(tmp_path: Path) -> None:
    """What the shim is for: were this to pass one day, the entry could go."""
    bare = start(tmp_path / "home", shim=False)
    try:
        for argument in ("schedule_interval=None", "concurrency=3", "default_view='tree'", "fail_stop=True"):
            told = bare.parse_text(bundle=tmp_path, text=HEAD + f"x = DAG('d', {argument})\n")
            assert "unexpected keyword argument" in told.failures[0].message
    finally:
        bare.close()
