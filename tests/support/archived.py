"""A tenant with something in every corner that archives care about."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db.models import JSONField, Value

from controlplane.execution import logs
from controlplane.execution.large_xcoms import place
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.xcom import XCom
from controlplane.secrets import connections, variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import publish_files
from tests.support.factories import make_tenant, parsed_dag
from tests.support.walk import Walk, walk_for


def lively_tenant(slug: str) -> Tenant:
    """A finished run and a queued one, a sealed Variable and Connection, a log, XComs small, null and large."""
    return lively(slug).tenant


def lively(slug: str) -> Walk:
    """The same, with whoever walks it."""
    walk = ran(make_tenant(slug))
    walk.trigger("example", run_id="waiting")
    return walk


def ran(tenant: Tenant) -> Walk:
    """One run of `example` that succeeded, with what it left."""
    bundle = publish_files(tenant, {"dags/example.py": f"# {tenant.slug}\n".encode()})
    parsed_dag(tenant, bundle=bundle)
    walk = walk_for(tenant, name=f"agent-{tenant.slug}")
    run = walk.trigger("example", run_id="finished", conf={"number": 1.0, "nothing": None})
    walk.run_all()
    with tenant_scope(tenant.id):
        variables.put(key="password", value=f"secret of {tenant.slug}", description="of it", now=utc_now())
        connections.put(
            conn_id="warehouse", conn_type="postgres", host="db.example.com", password="hidden", now=utc_now()
        )
        [task, *_] = TaskInstance.objects.filter(dag_run_id=run.id).order_by("task_index")
        _, kept_as = place(
            key="large", text=json.dumps("x" * settings.XCOM_INLINE_BYTES), tenant_id=tenant.id
        )
        values: dict[str, dict[str, Any]] = {
            "large": {"kept_as": kept_as},
            "null": {"value": Value(None, JSONField())},
            "small": {"value": {"a": [1, 2.5, "ü\u2028"]}},
        }
        for key, held in values.items():
            XCom(
                tenant=tenant, dag_run_id=run.id, dag_id=run.dag_id, run_id=run.run_id, task_id=task.task_id,
                key=key, timestamp=utc_now(), **held,
            ).save(force_insert=True)  # fmt: skip
    key = logs.log_key(
        tenant_id=tenant.id,
        dag_id=run.dag_id,
        run_id=run.run_id,
        task_id=task.task_id,
        map_index=-1,
        try_number=1,
    )
    logs.append(key=key, offset=0, data=f"log of {tenant.slug}\n".encode())
    return walk
