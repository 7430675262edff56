"""DAGs from the cases in `random_cases.json` beside this file: the same file runs on Airflow and here."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, TaskGroup, task, task_group
from airflow.sdk.exceptions import AirflowSkipException


def behave(what, ti, value=None):
    """One task's life: `do` is what it does, at which of its map indexes and in how many tries."""
    if what.get("only") is not None and ti.map_index not in what["only"]:
        return value
    if what["do"] == "fail":
        raise ValueError("as the case says")
    if what["do"] == "flaky" and ti.try_number <= what["times"]:
        raise ValueError(f"try {ti.try_number} fails")
    if what["do"] == "skip":
        raise AirflowSkipException("as the case says")
    if what["do"] == "list":
        return list(range(what["length"]))
    return value


def operator_of(what):
    """The decorated callable of one task of a case, not called yet."""
    arguments = {
        "task_id": what["id"],
        "trigger_rule": what["rule"],
        "retries": what["retries"],
        "retry_delay": timedelta(0),
    }
    if what["do"] == "branch":

        @task.branch(**arguments)
        def chosen():
            return what["choice"]

        return chosen
    if what["do"] == "short":

        @task.short_circuit(ignore_downstream_trigger_rules=what["through"], **arguments)
        def passes():
            return what["passes"]

        return passes
    if what.get("over") is not None:

        @task(**arguments)
        def mapped(value, ti=None):
            return behave(what, ti, value)

        return mapped

    @task(**arguments)
    def plain(ti=None):
        return behave(what, ti)

    return plain


def called(what, made):
    """The task in its DAG: called, or expanded over a literal or over what an upstream returned."""
    call, over = operator_of(what), what.get("over")
    if over is None:
        return call()
    return call.expand(value=made[over] if isinstance(over, str) else list(range(over)))


def build(case):
    with DAG(
        dag_id=case["id"],
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        fail_fast=case.get("fail_fast", False),
    ) as dag:
        made, groups = {}, {}
        for what in case["tasks"]:
            group = what.get("group")
            if group and group not in groups:
                groups[group] = TaskGroup(group, prefix_group_id=False)
            with groups[group] if group else nullcontext():
                made[what["id"]] = called(what, made)
        for mapped_group in case.get("mapped_groups", []):
            made[mapped_group["id"]] = in_group(mapped_group, made)
        for what in [*case["tasks"], *case.get("mapped_groups", [])]:
            for above in what["up"]:
                made[above] >> made[what["id"]]
        for what in case["tasks"]:
            if what.get("setup_of"):
                made[what["id"]].as_setup()
            if what.get("teardown_of"):
                made[what["id"]].as_teardown(
                    setups=[made[one] for one in what["teardown_of"]] or None,
                    on_failure_fail_dagrun=what.get("decides", False),
                )
    return dag


def in_group(group, made):
    """A task group of a chain of tasks, expanded as a whole."""

    @task_group(group_id=group["id"])
    def body(value):
        last = None
        for what in group["tasks"]:
            arguments = {"task_id": what["id"], "trigger_rule": what["rule"], "retries": 0}

            @task(**arguments)
            def inner(value, what=what, ti=None):
                return behave(what, ti, value)

            one = inner(value)
            if last is not None:
                last >> one
            last = one

    over = group["over"]
    return body.expand(value=made[over] if isinstance(over, str) else list(range(over)))


for case in json.loads(Path(__file__).with_name("random_cases.json").read_text()):
    globals()[case["id"]] = build(case)
