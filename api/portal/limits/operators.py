"""GET /operators/plans; PUT, DELETE /operators/plans/{name}; PUT /operators/tenants/{slug}/quota. For operators."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.limits.shapes import PlanBody, PlanShape, PlansShape, QuotaBody
from api.portal.limits.views import PLAN_UNKNOWN, invalid
from api.portal.operators.view import OperatorView
from api.portal.pages import page_of
from api.problems import PortalNotFound, problem
from controlplane.foundation.clock import utc_now
from controlplane.runs.quota import look_again, look_again_everywhere
from tenants.audit.record import record_change, record_platform_change
from tenants.limits.change import PlanUnknown, TenantUnknown, put_plan, put_quota
from tenants.limits.published import LimitInvalid
from tenants.models.plan import Plan
from tenants.scope import tenant_scope
from tenants.slugs import SlugInvalid, SlugReserved

_COLUMNS = tuple(PlanShape().fields)


class Plans(OperatorView):
    @extend_schema(responses={200: PlansShape})
    def get(self, request: Request) -> Response:
        """Every plan, by name."""
        self.operator(request)
        page = page_of(request, Plan.objects.using("auth").values(*_COLUMNS), "name")
        return page.answer("plans", page.rows)


class OnePlan(OperatorView):
    @extend_schema(request=PlanBody, responses={200: PlanShape})
    def put(self, request: Request, name: str) -> Any:
        """Make or replace a plan. It counts at once for every tenant that has it."""
        caller = self.operator(request)
        given = PlanBody(data=request.data)
        given.is_valid(raise_exception=True)
        before = Plan.objects.using("auth").filter(name=name).values(*_COLUMNS[1:7]).first()
        try:
            plan = put_plan(name=name, by=caller.name, now=utc_now(), **given.validated_data)
        except LimitInvalid as error:
            return invalid(error)
        except (SlugInvalid, SlugReserved) as error:
            return invalid(LimitInvalid("name", str(error)))
        after = {column: getattr(plan, column) for column in _COLUMNS[1:7]}
        record_platform_change(action="plan.changed", target=f"plan:{name}", before=before, after=after)
        look_again_everywhere()
        return Response({column: getattr(plan, column) for column in _COLUMNS})

    @extend_schema(responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Its tenants have the default plan from now on."""
        self.operator(request)
        if not Plan.objects.using("auth").filter(name=name).delete()[0]:
            raise PortalNotFound(f"there is no plan '{name}'")
        record_platform_change(action="plan.deleted", target=f"plan:{name}")
        look_again_everywhere()
        return Response(status=204)


class TenantPlan(OperatorView):
    @extend_schema(request=QuotaBody, responses={204: None})
    def put(self, request: Request, slug: str) -> Any:
        """A tenant's plan and its overrides, with the reason that its people read."""
        caller = self.operator(request)
        given = QuotaBody(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            tenant_id, before = put_quota(slug=slug, by=caller.name, now=utc_now(), **given.validated_data)
        except LimitInvalid as error:
            return invalid(error)
        except PlanUnknown as error:
            return problem(PLAN_UNKNOWN, detail=str(error), errors={"plan": [str(error)]})
        except TenantUnknown as error:
            raise PortalNotFound(str(error)) from error
        with tenant_scope(tenant_id):
            look_again(now=utc_now())
            record_change(
                action="tenant.quota.changed",
                target=f"tenant:{tenant_id}",
                before=before,
                after=dict(given.validated_data),
            )
        return Response(status=204)
