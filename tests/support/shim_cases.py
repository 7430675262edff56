"""What Ruff's AIR rules name besides imports: arguments, context keys, attributes. Read by the test that runs each
in a real runtime, and by the page that lists them (`python -m tests.support.shim_page`)."""

from __future__ import annotations

from dataclasses import dataclass

_DAG = "from airflow.sdk import DAG\n"
_BASH = _DAG + "from airflow.providers.standard.operators.bash import BashOperator\n"
_IN_DAG = _BASH + "with DAG('d'):\n    BashOperator(task_id='t', bash_command='true', {})\n"
_CONTEXT = _DAG + "def use(**context):\n    return context['{}']\n"


@dataclass(frozen=True)
class ShimCase:
    """`code` is the finding's, without `AERO-SHIM-`; an empty one says that it is refused with `modern` in its text."""

    what: str
    rule: str
    modern: str
    text: str
    code: str


def _dag(argument: str, value: str, modern: str, rule: str = "AIR301") -> ShimCase:
    name = f"`DAG({argument}=)`"
    return ShimCase(name, rule, modern, f"{_DAG}DAG('d', {argument}={value})\n", argument.replace("_", "-"))


def _operator(argument: str, value: str, modern: str, rule: str = "AIR301", code: str = "") -> ShimCase:
    text = _IN_DAG.format(f"{argument}={value}")
    return ShimCase(f"`Operator({argument}=)`", rule, modern, text, code or argument.replace("_", "-"))


def _key(key: str, modern: str) -> ShimCase:
    return ShimCase(
        f"`context['{key}']`", "AIR301", modern, _CONTEXT.format(key), f"context-{key.replace('_', '-')}"
    )


_WEEKDAY = "airflow.providers.standard"
CASES = [
    _dag("schedule_interval", "'@daily'", "schedule="),
    _dag("timetable", "None", "schedule="),
    _dag("concurrency", "3", "max_active_tasks="),
    _dag("fail_stop", "True", "fail_fast="),
    _dag("default_view", "'grid'", "remove default_view="),
    _dag("orientation", "'LR'", "remove orientation="),
    _dag("sla_miss_callback", "print", "DAG(deadline=", "AIR311"),
    _operator("task_concurrency", "1", "max_active_tis_per_dag="),
    _operator("provide_context", "True", "remove provide_context="),
    _operator("trigger_rule", "'dummy'", 'trigger_rule="always"'),
    _operator("trigger_rule", "'none_failed_or_skipped'", 'trigger_rule="none_failed_min_one_success"'),
    _operator("sla", "__import__('datetime').timedelta(1)", "DAG(deadline=", "AIR311"),
    _operator("exponential_backoff", "True", "retry_exponential_backoff=2.0", "Airflow 2"),
    _operator("retry_exponential_backoff", "True", "retry_exponential_backoff=2.0", "Airflow 3"),
    _operator("xcom_push", "True", "do_xcom_push=", "Airflow 1"),
    ShimCase(
        "`TriggerDagRunOperator(execution_date=)`",
        "AIR301",
        "logical_date=",
        f"from {_WEEKDAY}.operators.trigger_dagrun import TriggerDagRunOperator\n"
        "TriggerDagRunOperator(task_id='t', trigger_dag_id='d', execution_date='2024-01-01T00:00:00+00:00')\n",
        "execution-date",
    ),
    ShimCase(
        "`BranchDayOfWeekOperator(use_task_execution_day=)`",
        "AIR301",
        "use_task_logical_date=",
        f"from {_WEEKDAY}.operators.weekday import BranchDayOfWeekOperator\n"
        "BranchDayOfWeekOperator(task_id='t', follow_task_ids_if_true='a', follow_task_ids_if_false='b',\n"
        "    week_day='Monday', use_task_execution_day=True)\n",
        "use-task-execution-day",
    ),
    ShimCase(
        "`BranchDateTimeOperator(use_task_execution_day=)`",
        "AIR301",
        "use_task_logical_date=",
        "import datetime\n"
        f"from {_WEEKDAY}.operators.datetime import BranchDateTimeOperator\n"
        "BranchDateTimeOperator(task_id='t', follow_task_ids_if_true='a', follow_task_ids_if_false='b',\n"
        "    target_lower=datetime.time(1), target_upper=None, use_task_execution_day=True)\n",
        "use-task-execution-day",
    ),
    ShimCase(
        "`DayOfWeekSensor(use_task_execution_day=)`",
        "AIR301",
        "use_task_logical_date=",
        f"from {_WEEKDAY}.sensors.weekday import DayOfWeekSensor\n"
        "DayOfWeekSensor(task_id='t', week_day='Monday', use_task_execution_day=True)\n",
        "use-task-execution-day",
    ),
    ShimCase(
        "`DatasetOrTimeSchedule(datasets=)`",
        "AIR311",
        "from airflow.sdk import AssetOrTimeSchedule",
        "from airflow.sdk import Asset, CronTriggerTimetable\n"
        "from airflow.timetables.datasets import DatasetOrTimeSchedule\n"
        "DatasetOrTimeSchedule(timetable=CronTriggerTimetable('@daily', timezone='UTC'), datasets=[Asset('a')])\n",
        "import",
    ),
    ShimCase(
        "`Variable.get(default_var=)`",
        "AIR301",
        "default=",
        "from airflow.sdk import Variable\nassert Variable.get('absent', default_var='here') == 'here'\n",
        "default-var",
    ),
    ShimCase(
        "`Dataset(uri, {…})`",
        "AIR303",
        "Asset(uri, extra=...)",
        "from airflow.sdk import Asset\nassert Asset('s3://a/b', {'k': 1}).extra == {'k': 1}\n",
        "asset-positional",
    ),
    ShimCase(
        "`TriggerRule.NONE_FAILED_OR_SKIPPED`",
        "Airflow 2",
        "TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS",
        "from airflow.sdk import TriggerRule\nassert TriggerRule.NONE_FAILED_OR_SKIPPED == "
        "'none_failed_min_one_success'\n",
        "attribute",
    ),
    ShimCase(
        "`BaseHook.get_connections()`",
        "AIR301",
        "BaseHook.get_connection",
        "from airflow.sdk import BaseHook\ntry:\n    BaseHook.get_connections('x')\nexcept Exception: pass\n",
        "attribute",
    ),
    ShimCase(
        "`HookLineageCollector.create_dataset()`",
        "AIR301",
        "HookLineageCollector.create_asset",
        "from airflow.sdk.lineage import HookLineageCollector\nHookLineageCollector().create_dataset(uri='s3://a/b')\n",
        "attribute",
    ),
    ShimCase(
        "`BaseSecretsBackend.get_conn_uri()`",
        "AIR301",
        "BaseSecretsBackend.get_conn_value",
        "from airflow.secrets.local_filesystem import LocalFilesystemBackend\n"
        "assert LocalFilesystemBackend().get_conn_uri\n",
        "attribute",
    ),
    ShimCase(
        "`DAG.create_dagrun()`",
        "AIR301",
        "ask the REST API for a run",
        f"{_DAG}DAG('d').create_dagrun()\n",
        "",
    ),
    ShimCase(
        "`dag_run.external_trigger`",
        "AIR301",
        'dag_run.run_type == "manual"',
        "def use(**context):\n    return context['dag_run'].external_trigger\n",
        "context-external-trigger",
    ),
    *(
        _key(key, modern)
        for key, modern in (
            ("execution_date", "logical_date"),
            ("next_ds", "data_interval_end | ds"),
            ("next_ds_nodash", "data_interval_end | ds_nodash"),
            ("next_execution_date", "data_interval_end"),
            ("prev_ds", "prev_data_interval_start_success | ds"),
            ("prev_ds_nodash", "prev_data_interval_start_success | ds_nodash"),
            ("prev_execution_date", "prev_data_interval_start_success"),
            ("prev_execution_date_success", "prev_data_interval_start_success"),
            ("tomorrow_ds", "macros.ds_add(ds, 1)"),
            ("tomorrow_ds_nodash", "macros.ds_add(ds, 1)"),
            ("yesterday_ds", "macros.ds_add(ds, -1)"),
            ("yesterday_ds_nodash", "macros.ds_add(ds, -1)"),
            ("triggering_dataset_events", "triggering_asset_events"),
            ("conf", "from airflow.configuration import conf"),
        )
    ),
]
