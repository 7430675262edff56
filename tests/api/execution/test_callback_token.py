"""The token of a callback: it asks like a task of its tenant while the callback runs, and moves nothing."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.secrets import connections, variables
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Door
from tests.support.callbacks import Desk
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db
KILLED = {"reason": "signal", "message": "Task killed by SIGKILL."}


def claimed(tenant: Tenant) -> tuple[Scene, Desk, Workload, Door]:
    """A killed task's callback, claimed by an agent, not begun."""
    it = scene(tenant, specs.task("only", has_callbacks=["on_failure"])).begin()
    it.walk.say(it.start("only")["only"], "failed", died=KILLED)
    desk = Desk(it.walk)
    [work] = desk.claim()
    assert work.callback is not None
    return it, desk, work, Door(prefix="/execution/", token=work.callback.token)


def put_secrets(tenant: Tenant, value: str) -> None:
    with tenant_scope(tenant.id):
        connections.put(conn_id="smtp_default", conn_type="smtp", password=value, now=utc_now())
        variables.put(key="k", value=value, description=None, now=utc_now())


def test_it_asks_while_the_callback_runs_and_neither_before_nor_after(tenant: Tenant) -> None:
    put_secrets(tenant, "mine")
    _, desk, work, door = claimed(tenant)
    assert door.get("connections/smtp_default").status == 403, "not before it has begun"
    desk.begin(work)
    assert door.get("connections/smtp_default")["password"] == "mine"
    assert door.get("variables/k")["value"] == "mine"
    desk.done(work)
    assert door.get("connections/smtp_default").status == 403
    assert door.get("variables/k").status == 403


def test_a_claim_that_lost_it_asks_nothing(tenant: Tenant) -> None:
    put_secrets(tenant, "mine")
    it, desk, work, door = claimed(tenant)
    desk.begin(work)
    it.execute("lose_callback", id=work.id, give_up=False, message="gone", now=utc_now())
    assert door.get("variables/k").status == 403


def test_it_moves_nothing_of_its_task(tenant: Tenant) -> None:
    it, desk, work, door = claimed(tenant)
    desk.begin(work)
    assert work.callback is not None and work.callback.ti is not None
    own = f"task-instances/{work.callback.ti['id']}"
    for answer in (
        door.patch(f"{own}/state", {"state": "success", "end_date": utc_now().isoformat()}),
        door.patch(f"{own}/run", {"state": "running", "hostname": "h", "unixname": "u", "pid": 1,
                                  "start_date": utc_now().isoformat()}),
        door.call("PUT", f"{own}/heartbeat", {"hostname": "h", "pid": 1}),
        door.call("PUT", f"{own}/rtif", {"a": "b"}),
        door.post(f"xcoms/scene/{it.run.run_id}/only/k", 1),
        door.post("dag-runs/scene/other", {"logical_date": None}),
    ):  # fmt: skip
        assert answer.status == 403, answer.body
    assert it.states() == {"only": "failed"}
    assert door.get(f"dag-runs/scene/{it.run.run_id}/state")["state"] == "running", "the control: it may ask"


def test_it_opens_nothing_of_another_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    put_secrets(other_tenant, "theirs")
    _, desk, work, door = claimed(tenant)
    desk.begin(work)
    assert door.get("variables/k").status == 404
    assert door.get("connections/smtp_default").status == 404


def test_links_in_mails_begin_at_the_tenants_address(tenant: Tenant) -> None:
    _, _, work, _ = claimed(tenant)
    assert work.callback is not None
    assert work.callback.base_url.endswith(f"/t/{tenant.slug}")
