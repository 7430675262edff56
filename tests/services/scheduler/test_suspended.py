"""A tenant that is suspended, or on its way out: none of its tasks is admitted; resumed, they go on."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.quota import look_again
from tenants.models.tenant import Tenant
from tenants.operators import resume, suspend
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db
WHY = "the bill of March was not paid"


def _dispatched(walk: Walk) -> int:
    with tenant_scope(walk.tenant.id):
        look_again(now=utc_now())
    walk.schedule()
    with tenant_scope(walk.tenant.id):
        return TaskInstance.objects.filter(state__in=("queued", "running")).count()


def test_nothing_is_admitted_until_it_is_resumed(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("wide", [specs.task(f"t{n}") for n in range(3)]))
    walk = walk_for(tenant)
    suspend(slug=tenant.slug, reason=WHY)
    walk.trigger("wide")
    assert _dispatched(walk) == 0
    resume(slug=tenant.slug, reason=WHY)
    assert _dispatched(walk) == 3


@pytest.mark.parametrize("state", ["deleting", "purging"])
def test_nor_in_a_tenant_that_is_being_deleted(tenant: Tenant, state: str) -> None:
    parsed_dag(tenant, specs.dag("wide", [specs.task("a")]))
    walk = walk_for(tenant)
    Tenant.objects.using("auth").filter(id=tenant.id).update(state=state)
    walk.trigger("wide")
    assert _dispatched(walk) == 0
