"""GET, PATCH /tenants/{slug}/limits; GET, PUT /tenants/{slug}/pools/{name}/pace."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.db.models import Sum
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.limits.shapes import LimitsShape, OwnLimitsBody, PaceBody, PaceShape
from api.portal.view import PortalView
from api.problems import PortalNotFound, Problem, problem
from controlplane.execution import room
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import notify
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.pool_start import PoolStart
from controlplane.ledger.models.storage_held import StorageHeld
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.usage_month import UsageMonth
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.transitions import add_items
from controlplane.runs.quota import look_again
from domain.states import ACTIVE_TASK
from tenants.audit.record import record_change
from tenants.limits.change import set_own_limits
from tenants.limits.published import BY_NAME, LimitInvalid
from tenants.limits.read import Quota, read_quota
from tenants.scope import tenant_scope

_INVALID = Problem(422, "limit-invalid", "This limit cannot be set so")
PLAN_UNKNOWN = Problem(422, "plan-unknown", "There is no such plan")


class TenantLimits(PortalView):
    @extend_schema(responses={200: LimitsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Every published limit: what holds here, whose it is, and how much of it is used where that is counted."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            return Response(_shape(read_quota(), _used()))

    @extend_schema(request=OwnLimitsBody, responses={200: LimitsShape})
    def patch(self, request: Request, slug: str) -> Any:
        """The tenant's own limits, at most as large as its plan's. They count at once."""
        access = self.access(request, slug, "tenant.edit")
        given = OwnLimitsBody(data=request.data)
        given.is_valid(raise_exception=True)
        wanted: dict[str, object] = given.validated_data["limits"]
        try:
            with tenant_scope(access.tenant_id):
                before = set_own_limits(wanted)
                look_again(now=utc_now())
                record_change(
                    action="tenant.limits.changed",
                    target=f"tenant:{access.tenant_id}",
                    before=before,
                    after=wanted,
                )
                shape = _shape(read_quota(), _used())
        except LimitInvalid as error:
            return invalid(error)
        return Response(shape)


class PoolPace(PortalView):
    @extend_schema(responses={200: PaceShape})
    def get(self, request: Request, slug: str, name: str) -> Response:
        """How many tasks of a pool may begin in any 60 seconds, and how many did in the last ones."""
        access = self.access(request, slug, "pools.read")
        with tenant_scope(access.tenant_id):
            return Response(_pace(_pool(name)))

    @extend_schema(request=PaceBody, responses={200: PaceShape})
    def put(self, request: Request, slug: str, name: str) -> Response:
        """Limit it, or take the limit back with null. Starts are counted from now on."""
        access = self.access(request, slug, "pools.edit")
        given = PaceBody(data=request.data)
        given.is_valid(raise_exception=True)
        with tenant_scope(access.tenant_id):
            pool = _pool(name)
            before, pool.starts_per_minute = pool.starts_per_minute, given.validated_data["starts_per_minute"]
            pool.save(update_fields=["starts_per_minute"])
            add_items(items=[("admit", None, utc_now())])
            notify("work", str(access.tenant_id))
            record_change(
                action="pool.pace.changed",
                target=f"pool:{name}",
                before={"starts_per_minute": before},
                after={"starts_per_minute": pool.starts_per_minute},
            )
            return Response(_pace(pool))


def invalid(error: LimitInvalid) -> Any:
    """The problem that names the limit."""
    return problem(_INVALID, detail=str(error), errors={error.field: [str(error)]})


def _pool(name: str) -> Pool:
    row = Pool.objects.filter(name=name.replace("\0", "")).first()
    if row is None:
        raise PortalNotFound(f"this tenant has no pool '{name}'")
    return row


def _pace(pool: Pool) -> dict[str, Any]:
    since = utc_now() - timedelta(seconds=60)
    recent = PoolStart.objects.filter(pool=pool.name, started_at__gt=since).count()
    return {
        "pool": pool.name,
        "starts_per_minute": pool.starts_per_minute,
        "started_last_minute": recent,
    }


def _used() -> dict[str, float]:
    month = UsageMonth.objects.filter(month=utc_now().date().replace(day=1))
    spent = month.aggregate(task=Sum("task_us"), cpu=Sum("cpu_us"))
    held = dict(StorageHeld.objects.values_list("kind", "bytes"))
    return {
        "concurrent_tasks": TaskInstance.objects.filter(state__in=ACTIVE_TASK).count(),
        "dags": Dag.objects.filter(is_stale=False).count(),
        "task_hours_per_month": (spent["task"] or 0) / 3.6e9,
        "cpu_hours_per_month": (spent["cpu"] or 0) / 3.6e9,
        "triggers": Workload.objects.filter(kind="trigger").exclude(agent_id=None).count(),
        **{name: held[kind] for kind, name in room.LIMITS.items() if kind in held},
    }


def _shape(quota: Quota, used: dict[str, float]) -> dict[str, Any]:
    limits = []
    for name, found in quota.limits.items():
        limit = BY_NAME[name]
        said = {"unit": limit.unit, "meaning": limit.meaning, "enforced": limit.enforced, "own": limit.own}
        limits.append({**asdict(found), **said, "used": used.get(name)})
    plan = quota.plan.name if quota.plan else None
    return {"plan": plan, "plan_source": quota.plan_source, "limits": limits}
