"""GET /tenants/{slug}/callbacks, a callback's log, and /tenants/{slug}/deadlines."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from controlplane.alerts import deadlines
from controlplane.execution import logs
from controlplane.ledger.models.deadline import Deadline
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Actor
from tests.support.callbacks import Desk
from tests.support.factories import parsed_dag
from tests.support.scene import scene
from tests.support.walk import walk_for

KILLED = {"reason": "signal", "message": "Task killed by SIGKILL."}


def killed(tenant: Tenant) -> Desk:
    """A run whose task was killed, with a callback that an agent has run."""
    it = scene(tenant, specs.task("only", has_callbacks=["on_failure"])).begin()
    it.walk.say(it.start("only")["only"], "failed", died=KILLED)
    return Desk(it.walk)


def test_callbacks_are_listed_with_what_became_of_them(tenant: Tenant, viewer: Actor) -> None:
    desk = killed(tenant)
    listed = viewer.portal().get("/tenants/alpha/callbacks")
    assert listed["total_entries"] == 1
    [one] = listed["callbacks"]
    assert (one["kind"], one["state"], one["dag_id"], one["task_id"]) == (
        "task_failure",
        "pending",
        "scene",
        "only",
    )
    [work] = desk.claim()
    desk.begin(work)
    desk.done(work, "failed", "ValueError: no")
    [one] = viewer.portal().get("/tenants/alpha/callbacks?state=failed&dag_id=scene")["callbacks"]
    assert (one["state"], one["message"]) == ("failed", "ValueError: no")
    assert viewer.portal().get("/tenants/alpha/callbacks?state=success")["callbacks"] == []
    assert viewer.portal().get("/tenants/alpha/callbacks?state=odd").status == 422
    assert viewer.portal().get("/tenants/alpha/callbacks?limit=0").status == 422


def test_a_callbacks_log_is_read(tenant: Tenant, viewer: Actor) -> None:
    desk = killed(tenant)
    [row] = desk.owed()
    path = f"/tenants/alpha/callbacks/{row.id}/log"
    assert viewer.portal().get(path)["content"] == []
    [work] = desk.claim()
    desk.begin(work)
    assert work.callback is not None
    logs.append(key=work.callback.log_key, offset=0, data=b'{"event":"CALLED"}\nnot json\n')
    assert viewer.portal().get(path)["content"] == [{"event": "CALLED"}, {"event": "not json"}]
    assert viewer.portal().get(f"/tenants/alpha/callbacks/{uuid4()}/log").status == 404


def test_deadlines_are_listed_until_a_success_meets_them(tenant: Tenant, viewer: Actor) -> None:
    alert = {"reference": "queued_at", "interval_seconds": 60.0, "callback": "x.y", "name": "soon"}
    custom = {"reference": "custom", "interval_seconds": 60.0, "callback": "x.y"}
    task = specs.task("only", sla_seconds=30.0)
    parsed_dag(tenant, specs.dag("late", [task], deadlines=[alert, custom]))
    walk = walk_for(tenant)
    runs = [walk.trigger("late", run_id=name) for name in ("first", "second")]
    with tenant_scope(tenant.id):
        for run in runs:
            deadlines.watch_run(ref=run.id, now=run.queued_at, using="default")
        sla = Deadline.objects.get(dag_run_id=runs[0].id, kind="sla")
        deadlines.deadline_due(ref=sla.dag_run_id, now=sla.due_at + timedelta(seconds=1), using="default")
    page = viewer.portal().get("/tenants/alpha/deadlines?dag_run_id=first")
    assert [(one["kind"], one["alert_name"], one["missed"]) for one in page["deadlines"]] == [
        ("sla", None, True),
        ("dag", "soon", False),
        ("dag", None, False),
    ]
    assert page["deadlines"][0]["task_id"] == "only"
    assert "does not exist here" in page["deadlines"][2]["problem"]
    [missed] = viewer.portal().get("/tenants/alpha/deadlines?missed=true")["deadlines"]
    assert (missed["dag_run_id"], missed["missed_at"]) == ("first", missed["missed_at"])
    walk.run_all()
    left = viewer.portal().get("/tenants/alpha/deadlines?dag_run_id=second")["deadlines"]
    assert [one["problem"] is None for one in left] == [False], "the others were met"


@pytest.mark.parametrize("path", ["callbacks", "deadlines", f"callbacks/{uuid4()}/log"])
def test_a_stranger_hears_that_there_is_no_such_tenant(tenant: Tenant, stranger: Actor, path: str) -> None:
    answer = stranger.portal().get(f"/tenants/alpha/{path}")
    assert (answer.status, answer["code"]) == (404, "not-found")


def test_one_tenants_alerts_are_not_anothers(tenant: Tenant, other_tenant: Tenant, viewer: Actor) -> None:
    desk = killed(other_tenant)
    [row] = desk.owed()
    assert viewer.portal().get("/tenants/alpha/callbacks")["callbacks"] == []
    assert viewer.portal().get(f"/tenants/alpha/callbacks/{row.id}/log").status == 404
