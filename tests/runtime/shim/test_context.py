"""The removed context keys, in a running task's own context, callables and templates; and how they are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aerodrome_runtime.shim.context_keys import REMOVED_KEYS
from tests.support.airflow_runtime import AirflowRuntime

RUN = """
    import json, uuid
    from datetime import datetime, timedelta, timezone
    from airflow.sdk import DAG, get_current_context, task
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk.api.datamodels._generated import DagRun, TIRunContext
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

    def context_of(operator, run_type, logical):
        dag_run = DagRun(
            dag_id="d", run_id="r", logical_date=logical, data_interval_start=logical, data_interval_end=logical,
            run_after=logical, start_date=logical, end_date=None, run_type=run_type, state="running", conf={{}},
            consumed_asset_events=[], partition_key=None,
        )
        ti = RuntimeTaskInstance.model_construct(
            id=uuid.uuid4(), task_id=operator.task_id, dag_id="d", run_id="r", try_number=1, map_index=-1,
            task=operator, bundle_instance=None, max_tries=0, start_date=logical, state="running",
            _ti_context_from_server=TIRunContext(dag_run=dag_run, max_tries=0, should_retry=False),
        )
        return ti, ti.get_template_context()

    logical = datetime(2024, 3, 10, tzinfo=timezone.utc)
    with DAG("d", schedule={schedule!r}, start_date=datetime(2024, 1, 1)) as dag:
        {task}
    operator = dag.get_task("t")
    ti, context = context_of(operator, {run_type!r}, logical)
    {result}
"""


def run(
    runtime: AirflowRuntime,
    *,
    result: str,
    task: str = "operator = PythonOperator(task_id='t', python_callable=print)",
    schedule: str | None = "@daily",
    run_type: str = "scheduled",
) -> Any:
    return runtime.run(RUN.format(result=result, task=task, schedule=schedule, run_type=run_type))


SCHEDULED = {
    "execution_date": "2024-03-10 00:00:00+00:00",
    "next_execution_date": "2024-03-11 00:00:00+00:00",
    "next_ds": "2024-03-11",
    "next_ds_nodash": "20240311",
    "prev_execution_date": "2024-03-09 00:00:00+00:00",
    "prev_ds": "2024-03-09",
    "prev_ds_nodash": "20240309",
    "yesterday_ds": "2024-03-09",
    "yesterday_ds_nodash": "20240309",
    "tomorrow_ds": "2024-03-11",
    "tomorrow_ds_nodash": "20240311",
    "test_mode": "False",
}


def test_a_scheduled_run_has_all_of_them(runtime: AirflowRuntime) -> None:
    told = run(
        runtime, result="result = {key: str(context.get(key)) for key in " + repr(list(SCHEDULED)) + "}"
    )
    assert told == SCHEDULED


def test_every_removed_key_is_there(runtime: AirflowRuntime) -> None:
    assert (
        run(runtime, result=f"result = [key for key in {list(REMOVED_KEYS)!r} if key not in context]") == []
    )


def test_a_manual_run_stays_at_its_logical_date(runtime: AirflowRuntime) -> None:
    told = run(
        runtime,
        run_type="manual",
        result="result = [str(context[k]) for k in ('next_ds', 'prev_ds', 'next_execution_date')]",
    )
    assert told == ["2024-03-10", "2024-03-10", "2024-03-10 00:00:00+00:00"]


def test_an_irregular_schedule_has_no_neighbours(runtime: AirflowRuntime) -> None:
    told = run(
        runtime, schedule="@once", result="result = [str(context['next_ds']), str(context['prev_ds'])]"
    )
    assert told == ["None", "None"]


def test_a_callable_that_names_a_key_gets_plain_values(runtime: AirflowRuntime) -> None:
    """A lazy stand-in would not go through XCom: only tasks that do not name the key get one."""
    callable_ = "lambda next_ds, execution_date, **kw: json.dumps([next_ds, kw['prev_ds']])"
    told = run(
        runtime,
        task=f"PythonOperator(task_id='t', python_callable={callable_})",
        result="result = operator.prepare_for_execution().execute(context)",
    )
    assert told == '["2024-03-11", "2024-03-09"]'


def test_a_task_function_may_name_them_as_arguments(runtime: AirflowRuntime) -> None:
    task = (
        "@task\n        def t(execution_date, yesterday_ds=None):\n"
        "            return [str(execution_date.date()), yesterday_ds]\n        t()"
    )
    assert run(runtime, task=task, result="result = operator.prepare_for_execution().execute(context)") == [
        "2024-03-10",
        "2024-03-09",
    ]


def test_a_template_may_name_them(runtime: AirflowRuntime) -> None:
    command = "{{ execution_date.year }} {{ next_ds }} {{ prev_ds_nodash }}"
    told = run(
        runtime,
        task=f"BashOperator(task_id='t', bash_command='{command}')",
        result="operator.render_template_fields(context); result = operator.bash_command",
    )
    assert told == "2024 2024-03-11 20240309"


def test_task_and_run_have_their_execution_date(runtime: AirflowRuntime) -> None:
    result = "run = context['dag_run']; result = [str(ti.execution_date), str(run.execution_date), run.external_trigger]"
    assert run(runtime, result=result) == ["2024-03-10 00:00:00+00:00", "2024-03-10 00:00:00+00:00", False]


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("def f(execution_date): ...\n", "execution_date", 1),
        ("f = lambda next_ds=None: next_ds\n", "next_ds", 1),
        ("def f(**context):\n    return context['prev_execution_date']\n", "prev_execution_date", 2),
        ("def f(**kwargs):\n    return kwargs.get('tomorrow_ds')\n", "tomorrow_ds", 2),
        ("def f(ti):\n    return ti.execution_date\n", "execution_date", 2),
        ("def f(**context):\n    return context['dag_run'].execution_date\n", "execution_date", 2),
        ("X = '''a\n{{ ds }} {{ yesterday_ds_nodash }}'''\n", "yesterday_ds_nodash", 2),
        ("X = '{% if next_execution_date %}1{% endif %}'\n", "next_execution_date", 1),
    ],
)
def test_a_use_is_told_without_running_it(
    runtime: AirflowRuntime, tmp_path: Path, text: str, key: str, line: int
) -> None:
    (found,) = runtime.parse_text(bundle=tmp_path, text=text).findings
    assert (found.code, found.line) == (f"AERO-SHIM-context-{key.replace('_', '-')}", line)
    assert found.hint == REMOVED_KEYS[key]


@pytest.mark.parametrize(
    "text",
    [
        "metadata = {'execution_date': 1}\n",
        "# execution_date\n",
        "X = 'the execution_date of old'\n",
        "row = {}\nrow['execution_date'] = 1\n",
        "X = '{{ logical_date }}'\n",
    ],
)
def test_the_word_alone_is_no_use(runtime: AirflowRuntime, tmp_path: Path, text: str) -> None:
    assert runtime.parse_text(bundle=tmp_path, text=text).findings == []


def test_a_use_in_a_template_file_is_at_that_file(runtime: AirflowRuntime, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/q.sh").write_text("a\nb {{ execution_date }}\n")
    text = """
        from airflow.sdk import DAG
        from airflow.providers.standard.operators.bash import BashOperator
        with DAG("d"):
            BashOperator(task_id="t", bash_command="q.sh")
    """
    (found,) = runtime.parse_text(bundle=tmp_path, text=text).findings
    assert (found.path, found.line) == ("dags/q.sh", 2)
