"""A deferred task instance shows its trigger, without its arguments."""

from __future__ import annotations

import pytest

from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.attempts import running_try
from tests.support.deferrals import OWN, to_own

pytestmark = pytest.mark.django_db


def test_the_trigger_of_a_deferred_task_is_shown_without_its_arguments(
    tenant: Tenant, viewer: Actor, stranger: Actor
) -> None:
    one = running_try(tenant)
    row = one.row()
    path = f"/dags/{row.dag_id}/dagRuns/{row.run_id}/taskInstances/{row.task_id}"
    assert viewer.v2().get(path)["trigger"] is None
    said = one.door().patch(f"task-instances/{one.id}/state", {"state": "deferred", **to_own()})
    assert said.status == 204
    told = viewer.v2().get(path)["trigger"]
    assert (told["classpath"], told["kwargs"], told["queue"], told["triggerer_id"]) == (OWN, "{}", None, None)
    assert isinstance(told["id"], int)
    assert stranger.v2(at=tenant).get(path).status == 404
