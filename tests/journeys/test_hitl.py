"""Tasks that ask people, on a whole stack: every operator of the standard provider, and who may answer them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from launcher.demo.http import DemoRefused
from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

ASKS = {
    "dags/asks.py": """
        from datetime import timedelta

        from airflow.providers.standard.operators.hitl import (
            ApprovalOperator,
            HITLBranchOperator,
            HITLEntryOperator,
            HITLOperator,
        )
        from airflow.sdk import DAG, Param, task

        with DAG("asks", schedule=None):

            @task
            def yes():
                return "yes"

            @task
            def no():
                return "no"

            @task
            def never():
                raise RuntimeError("somebody said no")

            ApprovalOperator(task_id="approve", subject="Go on?") >> HITLBranchOperator(
                task_id="branch", subject="Which?", options=["yes", "no"],
            ) >> [yes(), no()]
            ApprovalOperator(task_id="reject", subject="And this?") >> never()
            HITLEntryOperator(
                task_id="entry", subject="Why, {{ dag.dag_id }}?",
                params={"reason": Param("none", type="string"), "count": Param(1, type="integer", minimum=1)},
            )
            HITLEntryOperator(
                task_id="wrong", subject="How many?", params={"count": Param(1, type="integer", minimum=1)},
            )
            HITLOperator(
                task_id="defaults", subject="Quick?", options=["a", "b"], defaults="b",
                params={"kept": "its own"}, response_timeout=timedelta(seconds=1),
            )
            HITLOperator(
                task_id="unheard", subject="Anybody?", options=["a"], response_timeout=timedelta(seconds=1),
            )
            HITLOperator.partial(task_id="each", options=["a", "b", "c"], multiple=True).expand(
                subject=["first", "second"]
            )

        with DAG("narrow", schedule=None):
            for number in range(3):
                HITLOperator(task_id=f"asks{number}", subject="One slot for all?", options=["a"], pool="one_slot")

            @task(pool="one_slot", priority_weight=-1)
            def works():
                return "worked"

            works()

        with DAG("chosen", schedule=None):
            HITLOperator(
                task_id="asks", subject="Only you", options=["a"],
                assigned_users=[{"id": "somebody else", "name": "S"}],
            )

        with DAG("again", schedule=None):
            HITLOperator(task_id="asks", subject="Once more?", options=["a", "b"])
    """,
}


@pytest.fixture(scope="module")
def tenant(_shared_stack: Stack) -> StackTenant:
    made = _shared_stack.sign_up()
    made.call("POST", "/pools", {"name": "one_slot", "slots": 1})
    made.deploy(ASKS, "asks", "narrow", "chosen", "again")
    return made


def _path(run: Run, task_id: str, map_index: int = -1) -> str:
    return f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}/{map_index}/hitlDetails"


def _open(tenant: StackTenant, run: Run, task_id: str, map_index: int = -1) -> dict[str, Any]:
    """The question, once its task waits for an answer."""

    def found() -> Any:
        row = tenant.call("GET", _path(run, task_id, map_index))
        waits = row["task_instance"]["state"] == "awaiting_input" and not row["response_received"]
        return row if waits else None

    return dict(tenant.stack.until(found, f"{task_id} to ask"))


def _answer(
    tenant: StackTenant, run: Run, task_id: str, *options: str, map_index: int = -1, **params: Any
) -> Any:
    _open(tenant, run, task_id, map_index)
    body = {"chosen_options": list(options), "params_input": params}
    return tenant.call("PATCH", _path(run, task_id, map_index), body)


def test_tasks_ask_people_and_go_on_with_the_answer(tenant: StackTenant) -> None:
    run = tenant.trigger("asks")
    entry = _open(tenant, run, "entry")
    assert (entry["subject"], entry["options"]) == ("Why, asks?", ["OK"])
    assert entry["params"]["count"]["schema"] == {"type": "integer", "minimum": 1}
    _answer(tenant, run, "approve", "Approve")
    _answer(tenant, run, "reject", "Reject")
    _answer(tenant, run, "branch", "no")
    _answer(tenant, run, "wrong", "OK", count=0)
    _answer(tenant, run, "each", "a", "c", map_index=0)
    _answer(tenant, run, "each", "b", map_index=1)
    portal = f"/api/portal/v1/tenants/{tenant.slug}/questions"
    listed = tenant.login.portal.call("GET", f"{portal}?dag_id=asks&open=true")["questions"]
    [asked] = [question for question in listed if question["task_id"] == "entry"]
    assert asked["subject"] == "Why, asks?"
    body = {"chosen_options": ["OK"], "params_input": {"reason": "because", "count": 2}}
    tenant.login.portal.call("POST", f"{portal}/{asked['task_instance_id']}/answer", body)
    tenant.until_over(run)
    assert tenant.states(run) == {
        "approve": "success",
        "reject": "success",
        "never": "skipped",
        "branch": "success",
        "yes": "skipped",
        "no": "success",
        "entry": "success",
        "wrong": "failed",
        "defaults": "success",
        "unheard": "failed",
        "each": ["success", "success"],
    }, tenant.log(run, "entry")
    told = tenant.xcom(run, "entry")
    assert told["params_input"] == {"reason": "because", "count": 2}
    assert told["responded_by_user"]["id"] == told["responded_by_user"]["name"]
    late = tenant.xcom(run, "defaults")
    assert (late["chosen_options"], late["responded_by_user"]) == (["b"], None)
    assert late["params_input"] == {"kept": "its own"}
    assert [tenant.xcom(run, "each", map_index=n)["chosen_options"] for n in (0, 1)] == [["a", "c"], ["b"]]
    assert "HITLTimeoutError" in tenant.until_logged("HITLTimeoutError", run, "unheard")
    assert "0 is less than the minimum of 1" in tenant.until_logged("minimum of 1", run, "wrong")
    log = tenant.call("GET", f"/eventLogs?event=update_hitl_detail&run_id={quote(run.run_id)}")["event_logs"]
    who = told["responded_by_user"]["id"]
    assert {(entry["task_id"], entry["owner"]) for entry in log} == {
        (name, who) for name in ("approve", "reject", "branch", "wrong", "each", "entry")
    }


def test_whoever_waits_for_a_person_holds_no_slot(tenant: StackTenant) -> None:
    run = tenant.trigger("narrow")
    for number in range(3):
        _open(tenant, run, f"asks{number}")
    tenant.until_state(run, "works", "success")
    for number in range(3):
        _answer(tenant, run, f"asks{number}", "a")
    assert tenant.until_over(run) == ["success"]


def test_a_person_who_was_not_asked_is_refused(tenant: StackTenant) -> None:
    run = tenant.trigger("chosen")
    with pytest.raises(DemoRefused, match="is not a respondent"):
        _answer(tenant, run, "asks", "a")
    tenant.call("PATCH", f"/dags/chosen/dagRuns/{run.run_id}", {"state": "failed"})
    assert tenant.until_over(run) == ["failed"]
    assert tenant.states(run) == {"asks": "failed"}
    with pytest.raises(DemoRefused):
        tenant.call("PATCH", _path(run, "asks"), {"chosen_options": ["a"]})


def test_a_cleared_task_asks_again_and_both_answers_stay(tenant: StackTenant) -> None:
    run = tenant.trigger("again")
    _answer(tenant, run, "asks", "a")
    assert tenant.until_over(run) == ["success"]
    body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": ["asks"], "only_failed": False}
    tenant.call("POST", "/dags/again/clearTaskInstances", body)
    _answer(tenant, run, "asks", "b")
    assert tenant.until_over(run) == ["success"]
    tries = [tenant.call("GET", f"{_path(run, 'asks')}/tries/{n}")["chosen_options"] for n in (1, 2)]
    assert tries == [["a"], ["b"]]
    assert tenant.xcom(run, "asks")["chosen_options"] == ["b"]


def test_another_tenant_neither_sees_nor_answers(tenant: StackTenant) -> None:
    run = tenant.trigger("again")
    asked = _open(tenant, run, "asks")
    stranger = tenant.stack.sign_up()
    portal = "/api/portal/v1/tenants"
    answer = {"chosen_options": ["a"]}
    question = f"questions/{asked['task_instance']['id']}/answer"
    for path in (_path(run, "asks"), f"/dags/again/dagRuns/{run.run_id}/hitlDetails"):
        with pytest.raises(DemoRefused):
            stranger.door.call("GET", f"{tenant.login.api_path}{path}")
    for door, path in (
        (stranger.door, f"{tenant.login.api_path}{_path(run, 'asks')}"),
        (stranger.door, f"{stranger.login.api_path}{_path(run, 'asks')}"),
    ):
        with pytest.raises(DemoRefused):
            door.call("PATCH", path, answer)
    for slug in (tenant.slug, stranger.slug):
        with pytest.raises(DemoRefused):
            stranger.login.portal.call("POST", f"{portal}/{slug}/{question}", answer)
    assert stranger.call("GET", "/dags/~/dagRuns/~/hitlDetails")["hitl_details"] == []
    assert stranger.login.portal.call("GET", f"{portal}/{stranger.slug}/questions")["questions"] == []
    _answer(tenant, run, "asks", "b")
    assert tenant.until_over(run) == ["success"]
