from pathlib import Path
from typing import Any

import pytest

from taskwire.dagspec import DagSpec, TaskSpec
from tests.support.airflow_runtime import AirflowRuntime

FILE = """
    from datetime import datetime, timedelta
    from airflow.sdk import *
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import BranchPythonOperator, PythonOperator
    from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
    from airflow.providers.standard.sensors.external_task import ExternalTaskSensor
    from airflow.task.priority_strategy import PriorityWeightStrategy
    class Strategy(PriorityWeightStrategy):
        def get_weight(self, ti): return 5 - ti.try_number
    class Nosy(PriorityWeightStrategy):
        def get_weight(self, ti): return len(ti.run_id)
    with DAG("d", start_date=datetime(2024, 1, 1), params={{"p": 1}}) as dag:
        {statement}
"""


def parsed(runtime: AirflowRuntime, bundle: Path, statement: str) -> DagSpec:
    text = FILE.format(statement=statement.replace("\n", "\n        "))
    told = runtime.parse_text(bundle=bundle, text=text)
    assert told.failures == []
    return told.dags[0]


def only(runtime: AirflowRuntime, bundle: Path, statement: str) -> TaskSpec:
    (task,) = parsed(runtime, bundle, statement).tasks
    return task


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("retries=3, retry_delay=timedelta(minutes=1)", {"retries": 3, "retry_delay_seconds": 60.0}),
        ("retry_delay=90", {"retry_delay_seconds": 90.0}),
        (
            "retry_exponential_backoff=1.5, max_retry_delay=timedelta(hours=1)",
            {"retry_exponential_backoff": 1.5, "max_retry_delay_seconds": 3600.0},
        ),
        ("retry_exponential_backoff=True", {"retry_exponential_backoff": 2.0}),
        ("sla=timedelta(hours=2)", {"sla_seconds": 7200.0}),
        ("pool='p', pool_slots=3, queue='q'", {"pool": "p", "pool_slots": 3, "queue": "q"}),
        ("priority_weight=7, weight_rule='upstream'", {"priority_weight": 7, "weight_rule": "upstream"}),
        ("weight_rule=Strategy()", {"weight_rule": "file.Strategy", "own_weight": 5}),
        ("weight_rule='absolute'", {"weight_rule": "absolute", "own_weight": None}),
        (
            "weight_rule='airflow.example_dags.plugins.decreasing_priority_weight_strategy.DecreasingPriorityStrategy'",
            {"own_weight": 4},
        ),
        (
            "weight_rule='airflow.task.priority_strategy._UpstreamPriorityWeightStrategy'",
            {"weight_rule": "upstream", "own_weight": None},
        ),
        ("priority_weight=3, weight_rule=Nosy()", {"priority_weight": 3, "own_weight": None}),
        ("trigger_rule='one_failed'", {"trigger_rule": "one_failed"}),
        ("execution_timeout=timedelta(seconds=5)", {"execution_timeout_seconds": 5.0}),
        ("depends_on_past=True", {"depends_on_past": True, "ignore_first_depends_on_past": False}),
        ("wait_for_downstream=True", {"wait_for_downstream": True}),
        (
            "max_active_tis_per_dag=2, max_active_tis_per_dagrun=1",
            {"max_active_tis_per_dag": 2, "max_active_tis_per_dagrun": 1},
        ),
        ("email='a@example.com; b@example.com'", {"email": ["a@example.com", "b@example.com"]}),
        ("executor_config={'pod': {1, 2}}", {"executor_config": {"pod": [1, 2]}}),
        ("do_xcom_push=False", {"do_xcom_push": False}),
        (
            "params={'q': Param(5, type='integer')}",
            {"params": {"q": {"description": None, "schema": {"type": "integer"}, "value": 5}}},
        ),
        ("task_display_name='Nice'", {"display_name": "Nice", "label": "Nice"}),
        (
            "on_failure_callback=print, on_retry_callback=[print]",
            {"has_callbacks": ["on_failure", "on_retry"]},
        ),
        ("outlets=[Asset('a')]", {"outlets": [{"type": "asset", "name": "a", "uri": "a", "group": "asset"}]}),
        ("doc_md='# doc'", {"doc_md": "# doc"}),
        ("end_date=datetime(2025, 1, 1)", {"end_date": "2025-01-01T00:00:00+00:00"}),
        ("map_index_template='{{ x }}'", {"map_index_template": "{{ x }}"}),
    ],
)
def test_an_argument_arrives(
    runtime: AirflowRuntime, tmp_path: Path, arguments: str, expected: dict[str, Any]
) -> None:
    for statement in (
        f"BashOperator(task_id='t', bash_command='true', {arguments})",
        f"BashOperator.partial(task_id='t', {arguments}).expand(bash_command=['true'])",
    ):
        told = only(runtime, tmp_path, statement)
        assert {name: getattr(told, name) for name in expected} == expected


def test_a_strategy_that_fails_is_told_and_stops_no_dag(runtime: AirflowRuntime, tmp_path: Path) -> None:
    statement = "BashOperator(task_id='t', bash_command='true', weight_rule=Nosy())"
    text = FILE.format(statement=statement)
    told = runtime.parse_text(bundle=tmp_path, text=text)
    (finding,) = [each for each in told.findings if each.code == "AERO-WEIGHT"]
    assert "task 't' of DAG 'd' fails" in finding.message
    assert "AttributeError: 'run_id' of a task instance is not known" in finding.message
    assert [each.dag_id for each in told.dags] == ["d"]


@pytest.mark.parametrize("name", ["nowhere.Nobody", "json.Nobody", "json.JSONDecoder", "nobody"])
def test_a_strategy_that_nobody_knows_is_an_error_as_in_airflow(
    runtime: AirflowRuntime, tmp_path: Path, name: str
) -> None:
    statement = f"BashOperator(task_id='t', bash_command='true', weight_rule={name!r})"
    told = runtime.parse_text(bundle=tmp_path, text=FILE.format(statement=statement))
    (failure,) = told.failures
    assert f"Unknown priority strategy {name}" in failure.message
    assert (told.dags, [each.code for each in told.findings]) == ([], [])


@pytest.mark.parametrize(
    ("schedule", "params", "fails"),
    [
        ("'@daily'", "{'p': Param(type='string')}", True),
        ("'@daily'", "{'p': Param(7, type='integer', maximum=5)}", True),
        ("'@daily'", "{'p': Param(4, type='integer', maximum=5)}", False),
        ("None", "{'p': Param(type='string')}", False),
    ],
)
def test_a_schedule_needs_params_with_valid_defaults(
    runtime: AirflowRuntime, tmp_path: Path, schedule: str, params: str, fails: bool
) -> None:
    text = f"""
        from datetime import datetime
        from airflow.sdk import DAG, Param
        with DAG("d", start_date=datetime(2024, 1, 1), schedule={schedule}, params={params}):
            pass
    """
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert bool(told.failures) is fails
    if fails:
        assert "is not allowed to define a Schedule" in told.failures[0].message


@pytest.mark.parametrize(
    ("statement", "is_empty"),
    [
        ("EmptyOperator(task_id='t')", True),
        ("EmptyOperator(task_id='t', on_failure_callback=print)", True),
        ("EmptyOperator(task_id='t', on_success_callback=print)", False),
        ("EmptyOperator(task_id='t', on_execute_callback=print)", False),
        ("EmptyOperator(task_id='t', outlets=[Asset('a')])", False),
        ("EmptyOperator(task_id='t', inlets=[Asset('a')])", False),
        ("BashOperator(task_id='t', bash_command='true')", False),
    ],
)
def test_which_tasks_need_no_worker(
    runtime: AirflowRuntime, tmp_path: Path, statement: str, is_empty: bool
) -> None:
    assert only(runtime, tmp_path, statement).is_empty is is_empty


def test_tasks_come_in_topological_order_with_ties_by_id(runtime: AirflowRuntime, tmp_path: Path) -> None:
    statement = "z, a, m, b = [EmptyOperator(task_id=i) for i in 'zamb']\nz >> a >> m\nz >> b"
    told = parsed(runtime, tmp_path, statement)
    assert [task.task_id for task in told.tasks] == ["z", "a", "b", "m"]
    assert [task.downstream for task in told.tasks] == [["a", "b"], ["m"], [], []]


def test_sensor_branch_trigger_and_label(runtime: AirflowRuntime, tmp_path: Path) -> None:
    statement = (
        "s = ExternalTaskSensor(task_id='s', external_dag_id='other', external_task_id='x', mode='reschedule')\n"
        "b = BranchPythonOperator(task_id='b', python_callable=print)\n"
        "t = TriggerDagRunOperator(task_id='t', trigger_dag_id='third')\n"
        "s >> b >> Label('yes') >> t"
    )
    told = {task.task_id: task for task in parsed(runtime, tmp_path, statement).tasks}
    assert (told["s"].is_sensor, told["s"].reschedules) == (True, True)
    assert told["s"].dag_dependencies == [{"kind": "waits_for", "dag_id": "other", "task_id": "x"}]
    assert told["t"].dag_dependencies == [{"kind": "triggers", "dag_id": "third"}]
    assert (told["b"].can_skip_downstream, told["b"].edge_labels) == (True, {"t": "yes"})


def test_setup_and_teardown(runtime: AirflowRuntime, tmp_path: Path) -> None:
    statement = (
        "up, work, down = [EmptyOperator(task_id=i) for i in ('up', 'work', 'down')]\n"
        "up >> work >> down.as_teardown(setups=up, on_failure_fail_dagrun=True)"
    )
    told = {task.task_id: task for task in parsed(runtime, tmp_path, statement).tasks}
    assert told["up"].is_setup
    assert (told["down"].is_teardown, told["down"].on_failure_fail_dagrun) == (True, True)
    assert told["down"].trigger_rule == "all_done_setup_success"
    assert told["up"].downstream == ["down", "work"]


def test_groups_are_a_tree_with_edges(runtime: AirflowRuntime, tmp_path: Path) -> None:
    statement = (
        "before = EmptyOperator(task_id='before')\n"
        "with TaskGroup('outer', tooltip='tip') as outer:\n"
        "    with TaskGroup('inner'):\n"
        "        EmptyOperator(task_id='t')\n"
        "before >> outer"
    )
    spec = parsed(runtime, tmp_path, statement)
    outer, inner = spec.groups
    assert (outer.group_id, outer.parent_id, outer.tooltip) == ("outer", None, "tip")
    assert (inner.group_id, inner.parent_id, inner.label) == ("outer.inner", "outer", "inner")
    assert outer.upstream_tasks == ["before"]
    task = spec.tasks[1]
    assert (task.task_id, task.group_id, task.label) == ("outer.inner.t", "outer.inner", "t")


def test_dag_fields(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = """
        from datetime import datetime, timedelta
        from airflow.sdk import *
        async def late(**kwargs): ...
        d = DAG(
            "d", description="x", tags=["b", "a"], start_date=datetime(2024, 1, 1), catchup=True, fail_fast=True,
            max_active_runs=3, max_active_tasks=4, max_consecutive_failed_dag_runs=5, dagrun_timeout=timedelta(hours=1),
            is_paused_upon_creation=True, owner_links={"o": "https://example.com"}, on_failure_callback=print,
            params={"p": Param(1, type="integer", description="pp")}, dag_display_name="D",
            deadline=DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(minutes=5), AsyncCallback(late)),
        )
    """
    parsed = runtime.parse_text(bundle=tmp_path, text=text)
    assert parsed.failures == []
    spec = parsed.dags[0]
    expected = {
        "relative_fileloc": "dags/file.py",
        "tags": ["a", "b"],
        "start_date": "2024-01-01T00:00:00+00:00",
        "catchup": True,
        "fail_fast": True,
        "max_active_runs": 3,
        "max_active_tasks": 4,
        "max_consecutive_failed_dag_runs": 5,
        "dagrun_timeout_seconds": 3600.0,
        "is_paused_upon_creation": True,
        "owner_links": {"o": "https://example.com"},
        "has_callbacks": ["on_failure"],
        "dag_display_name": "D",
        "params": {"p": {"value": 1, "schema": {"type": "integer"}, "description": "pp"}},
    }
    assert {name: getattr(spec, name) for name in expected} == expected
    (deadline,) = spec.deadlines
    assert (deadline.reference, deadline.interval_seconds) == ("queued_at", 300.0)
    assert (deadline.callback, deadline.callback_kind) == ("file.late", "async")
