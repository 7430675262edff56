from pathlib import Path
from typing import Any

import pytest

from taskwire.parsing import FileParse
from tests.support.airflow_runtime import AirflowRuntime, write

HEAD = """
from datetime import datetime, timedelta
from airflow.sdk import DAG, BaseOperator, TaskGroup, task
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator

with DAG("d", schedule=None) as dag:
"""
FORMS = {
    "classic": "    BashOperator(task_id='t', bash_command='true', {argument})\n",
    "without its own constructor": "    EmptyOperator(task_id='t', {argument})\n",
    "mapped": "    BashOperator.partial(task_id='t', {argument}).expand(bash_command=['true'])\n",
    "decorated": "    @task({argument})\n    def t(): ...\n    t()\n",
    "decorated, mapped": "    @task({argument})\n    def t(x): ...\n    t.expand(x=[1])\n",
    "own default_args": "    BashOperator(task_id='t', bash_command='true', default_args=dict({argument}))\n",
    "own class": (
        "    class Own(BaseOperator):\n"
        "        def __init__(self, **kwargs):\n"
        "            super().__init__(**kwargs)\n"
        "    Own(task_id='t', {argument})\n"
    ),
}


LENIENT = ("own default_args", "decorated, mapped")
"""Where Airflow itself lets an unknown argument pass."""


def parsed(runtime: AirflowRuntime, bundle: Path, text: str) -> FileParse:
    told = runtime.parse_text(bundle=bundle, text=HEAD + text)
    assert told.failures == []
    return told


def codes(told: FileParse) -> list[str]:
    return [each.code.removeprefix("AERO-SHIM-") for each in told.findings]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("argument", "code", "expected"),
    [
        ("exponential_backoff=True", "exponential-backoff", {"retry_exponential_backoff": 2.0}),
        (
            "retry_exponential_backoff=True",
            "retry-exponential-backoff",
            {"retry_exponential_backoff": 2.0},
        ),
        ("provide_context=True", "provide-context", {}),
        ("task_concurrency=2", "task-concurrency", {"max_active_tis_per_dag": 2}),
        ("xcom_push=False", "xcom-push", {"do_xcom_push": False}),
        ("trigger_rule='dummy'", "trigger-rule", {"trigger_rule": "always"}),
        (
            "trigger_rule='none_failed_or_skipped'",
            "trigger-rule",
            {"trigger_rule": "none_failed_min_one_success"},
        ),
    ],
)
def test_an_old_argument_works_and_is_told(
    runtime: AirflowRuntime, tmp_path: Path, form: str, argument: str, code: str, expected: dict[str, Any]
) -> None:
    told = parsed(runtime, tmp_path, FORMS[form].format(argument=argument))
    (task,) = told.dags[0].tasks
    assert {name: getattr(task, name) for name in expected} == expected
    assert code in codes(told)
    assert all(each.line >= 9 and each.path == "dags/file.py" for each in told.findings)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "own default_args"])
def test_sla_becomes_a_deadline_of_the_task(runtime: AirflowRuntime, tmp_path: Path, form: str) -> None:
    told = parsed(runtime, tmp_path, FORMS[form].format(argument="sla=timedelta(minutes=5)"))
    assert told.dags[0].tasks[0].sla_seconds == 300.0
    assert codes(told) == ["sla"]


def test_sla_in_default_args_is_told_once(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = HEAD.replace("schedule=None", "default_args={'sla': timedelta(1)}")
    text += "    BashOperator(task_id='a', bash_command='') >> EmptyOperator(task_id='b')\n"
    told = runtime.parse_text(bundle=tmp_path, text=text)
    assert [task.sla_seconds for task in told.dags[0].tasks] == [86400.0, 86400.0]
    assert [(each.code, each.line) for each in told.findings] == [("AERO-SHIM-sla", 8)]


def test_no_backoff_is_no_finding(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = parsed(runtime, tmp_path, FORMS["classic"].format(argument="retry_exponential_backoff=False"))
    assert told.dags[0].tasks[0].retry_exponential_backoff == 0.0
    assert told.findings == []


def test_upstreams_through_xcom_still_count(runtime: AirflowRuntime, tmp_path: Path) -> None:
    """The shim stands around constructors; Airflow finds the outermost one by identity."""
    text = (
        "    @task\n    def one(): return 'x'\n    BashOperator(task_id='two', bash_command=one())\n"
        "    EmptyOperator(task_id='three', outlets=[])\n"
    )
    told = parsed(runtime, tmp_path, text)
    assert {task.task_id: task.downstream for task in told.dags[0].tasks} == {
        "one": ["two"],
        "three": [],
        "two": [],
    }


@pytest.mark.parametrize("form", [form for form in FORMS if form not in LENIENT])
def test_an_unknown_argument_is_still_refused(runtime: AirflowRuntime, tmp_path: Path, form: str) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=HEAD + FORMS[form].format(argument="retrys=2"))
    assert "retrys" in told.failures[0].stacktrace


def test_trigger_dagruns_execution_date(runtime: AirflowRuntime, tmp_path: Path) -> None:
    text = "    TriggerDagRunOperator(task_id='t', trigger_dag_id='x', execution_date='2024-01-01')\n"
    (found,) = parsed(runtime, tmp_path, text).findings
    assert (found.code, found.line, found.hint) == ("AERO-SHIM-execution-date", 9, "logical_date=")


def test_slacks_http_conn_id(runtime: AirflowRuntime, tmp_path: Path) -> None:
    """With a stand-in for the provider's module: the class is adapted when the real path is imported."""
    write(
        tmp_path,
        {
            "plugins/slack_like.py": """
                import sys, types
                name = "airflow.providers.slack.operators.slack_webhook"
                from airflow.sdk import BaseOperator

                class SlackWebhookOperator(BaseOperator):
                    def __init__(self, *, slack_webhook_conn_id, message="", **kwargs):
                        super().__init__(**kwargs)
                        self.slack_webhook_conn_id = slack_webhook_conn_id

                from aerodrome_runtime.shim import provider_arguments
                provider_arguments._adapt(provider_arguments.RENAMED[name], sys.modules[__name__])
            """
        },
    )
    for call in ("SlackWebhookOperator(", "SlackWebhookOperator.partial("):
        end = ").expand(message=['a'])" if "partial" in call else ")"
        text = (
            f"    from slack_like import SlackWebhookOperator\n    {call}task_id='t', http_conn_id='c'{end}\n"
        )
        told = parsed(runtime, tmp_path, text)
        assert codes(told) == ["http-conn-id"]
        assert told.findings[0].hint == "slack_webhook_conn_id="
