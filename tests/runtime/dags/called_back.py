"""Callbacks of every kind; each writes what it was told, as one line, to the XCom-free place it has: its log."""

import json
import os
import signal
import time
from datetime import datetime, timedelta

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback, Variable, task
from airflow.sdk.exceptions import AirflowSkipException


def told(kind):
    def callback(context):
        ti = context.get("ti")
        facts = {
            "kind": kind,
            "dag": context["dag"].dag_id,
            "run": context["run_id"],
            "task": ti and ti.task_id,
            "try": ti and ti.try_number,
            "state": ti and ti.state and str(ti.state.value),
            "exception": str(context.get("exception")),
            "reason": context.get("reason"),
            "run_state": "dag_run" in context and str(context["dag_run"].state),
            "log_url": ti and ti.log_url,
        }
        print("CALLED", json.dumps(facts))

    return callback


def raises(context):
    raise ValueError("deliberately broken callback")


def dies(context):
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(context):
    time.sleep(600)


def asks(context):
    print("CALLED", json.dumps({"kind": "asks", "value": Variable.get("colour")}))


def late(context, text):
    print(
        "CALLED", json.dumps({"kind": "late", "text": text, **context["deadline"], "run": context["dag_run"]})
    )


async def late_async(text, context):
    at = context["deadline"]["deadline_time"]
    print("CALLED", json.dumps({"kind": "late_async", "text": text, "instant": isinstance(at, datetime)}))


def missed(dag, task_list, blocking_task_list, slas, blocking_tis):
    facts = {
        "kind": "sla",
        "dag": dag.dag_id,
        "tasks": task_list,
        "blocking": blocking_task_list,
        "slas": [(sla.task_id, sla.execution_date.isoformat()) for sla in slas],
        "states": [(ti.task_id, ti.state) for ti in blocking_tis],
    }
    print("CALLED", json.dumps(facts))


QUEUED = DeadlineReference.DAGRUN_QUEUED_AT
HOUR = timedelta(hours=1)

with DAG(
    "called_back",
    schedule=None,
    sla_miss_callback=missed,
    on_success_callback=told("dag_success"),
    on_failure_callback=[raises, told("dag_failure")],
    deadline=[
        DeadlineAlert(QUEUED, HOUR, SyncCallback(late, {"text": "too late"})),
        DeadlineAlert(QUEUED, HOUR, AsyncCallback(late_async, {"text": "async"})),
    ],
):
    ALL = {
        f"on_{kind}_callback": told(f"task_{kind}")
        for kind in ("execute", "success", "failure", "retry", "skipped")
    }

    @task(**ALL)
    def succeeds():
        pass

    @task(retries=1, **ALL)
    def fails():
        raise ValueError("deliberate")

    @task(**ALL)
    def skips():
        raise AirflowSkipException("deliberate")

    @task(retries=1, **ALL)
    def dies_now():
        os.kill(os.getpid(), signal.SIGKILL)

    @task(on_failure_callback=[told("before"), dies, told("never")])
    def dies_in_its_callback():
        raise ValueError("deliberate")

    succeeds()
    fails()
    dies_in_its_callback()
    skips()
    dies_now()
    EmptyOperator(task_id="broken", on_failure_callback=[raises, told("after")])
    EmptyOperator(task_id="dying", on_failure_callback=dies)
    EmptyOperator(task_id="hanging", on_failure_callback=hangs)
    EmptyOperator(task_id="asking", on_failure_callback=asks)
