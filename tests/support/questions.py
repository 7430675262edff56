"""Tasks that ask a person, walked to where they wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.attempts import Try, running_try

QUESTION: dict[str, Any] = {
    "options": ["Approve", "Reject"],
    "subject": "Deploy?",
    "body": "**really**",
    "defaults": None,
    "multiple": False,
    "params": {"reason": {"value": "none", "description": None, "schema": {}}, "plain": 3},
    "assigned_users": [],
}


@dataclass(frozen=True)
class Asked:
    """An attempt that asked, and the instance that waits."""

    one: Try

    @property
    def path(self) -> str:
        row = self.one.row()
        return f"/dags/{row.dag_id}/dagRuns/{row.run_id}/taskInstances/{row.task_id}/-1/hitlDetails"

    def row(self) -> TaskInstance:
        return self.one.row()


def ask(one: Try, **more: Any) -> Any:
    body = {"ti_id": str(one.id), **QUESTION, **more}
    return one.door().post(f"hitlDetails/{one.id}", body)


def park(one: Try, **more: Any) -> Any:
    body = {
        "state": "awaiting_input",
        "next_method": "execute_complete",
        "next_kwargs": {},
        **more,
    }
    return one.door().patch(f"task-instances/{one.id}/state", body)


def waiting(tenant: Tenant, *, timeout: str | None = None, **question: Any) -> Asked:
    """A task that asked and waits."""
    one = running_try(tenant)
    assert ask(one, **question).status == 201
    assert park(one, **({"timeout": timeout} if timeout else {})).status == 204
    assert one.row().state == "awaiting_input"
    return Asked(one)


def make_late(asked: Asked) -> None:
    """Its time is over."""
    with tenant_scope(asked.one.tenant.id):
        TaskInstance.objects.filter(id=asked.one.id).update(due_at=utc_now())
