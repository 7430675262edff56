"""GET, PUT /organisations/{id}/plan for its people; GET, PUT /operators/organisations/{id}/quota for operators."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.limits.shapes import (
    ChosenPlanBody,
    OrganisationPlanShape,
    OrganisationQuotaShape,
    QuotaBody,
)
from api.portal.limits.views import PLAN_UNKNOWN, invalid
from api.portal.operators.view import OperatorView
from api.portal.organisations.entry import OrganisationView
from api.portal.view import read
from api.problems import problem
from controlplane.foundation.clock import utc_now
from controlplane.runs.quota import look_again_everywhere
from tenants.audit.record import record_platform_change
from tenants.limits.change import PlanUnknown, choose_plan, put_organisation_quota
from tenants.limits.published import LimitInvalid
from tenants.limits.read import plan_of
from tenants.models.organisation_quota import OrganisationQuota
from tenants.models.plan import Plan
from tenants.models.tenant_quota import TenantQuota

_SHOWN = ("name", "title", "limits", "prices", "currency")
_GIVEN = ("plan", "overrides", "reason", "changed_at", "changed_by")


class OrganisationPlan(OrganisationView):
    @extend_schema(responses={200: OrganisationPlanShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """The plan that holds for each tenant of the organisation, what operators gave beside it, which plans may be
        chosen, and which tenants have another plan or limits of their own."""
        self.organisation(request, organisation_id, "billing.read")
        return Response(_plan(organisation_id))

    @extend_schema(request=ChosenPlanBody, responses={200: OrganisationPlanShape})
    def put(self, request: Request, organisation_id: UUID) -> Any:
        """Choose one of the plans that are offered; null is the default one. It counts at once in every tenant that
        has no plan of its own."""
        access = self.organisation(request, organisation_id, "billing.edit")
        wanted = read(ChosenPlanBody, request)["plan"]
        caller = self.person(request)
        try:
            with transaction.atomic(using="auth"):
                before = choose_plan(
                    organisation_id=access.organisation.id, plan=wanted, by=caller.name, now=utc_now()
                )
                _record("plan.chosen", organisation_id, {"plan": before["plan"]}, {"plan": wanted})
        except PlanUnknown as error:
            return problem(PLAN_UNKNOWN, detail=str(error), errors={"plan": [str(error)]})
        look_again_everywhere()
        return Response(_plan(organisation_id))


class OrganisationGiven(OperatorView):
    @extend_schema(responses={200: OrganisationQuotaShape})
    def get(self, request: Request, organisation_id: UUID) -> Response:
        """What the organisation was given: null and nothing where it has the default plan."""
        self.operator(request)
        return Response(_given(organisation_id))

    @extend_schema(request=QuotaBody, responses={200: OrganisationQuotaShape})
    def put(self, request: Request, organisation_id: UUID) -> Any:
        """An organisation's plan, and what holds beside it in each of its tenants; with the reason that its people read.
        What a tenant was given by itself still wins."""
        caller = self.operator(request)
        body: dict[str, Any] = read(QuotaBody, request)
        try:
            with transaction.atomic(using="auth"):
                before = put_organisation_quota(
                    organisation_id=organisation_id, by=caller.name, now=utc_now(), **body
                )
                _record("quota.changed", organisation_id, before, dict(body))
        except LimitInvalid as error:
            return invalid(error)
        except PlanUnknown as error:
            return problem(PLAN_UNKNOWN, detail=str(error), errors={"plan": [str(error)]})
        look_again_everywhere()
        return Response(_given(organisation_id))


def _record(what: str, organisation_id: UUID, before: dict[str, object], after: dict[str, object]) -> None:
    record_platform_change(
        action=f"organisation.{what}",
        target=f"organisation:{organisation_id}",
        before=before,
        after=after,
        organisation_id=organisation_id,
    )


def _given(organisation_id: UUID) -> dict[str, Any]:
    rows = OrganisationQuota.objects.using("auth").filter(organisation_id=organisation_id)
    return rows.values(*_GIVEN).first() or dict.fromkeys(_GIVEN) | {"overrides": {}, "reason": ""}


def _plan(organisation_id: UUID) -> dict[str, Any]:
    given = _given(organisation_id)
    plan, source = plan_of(None, given["plan"], using="auth")
    offered = Plan.objects.using("auth").filter(is_offered=True).order_by("name")
    special = TenantQuota.objects.using("auth").filter(tenant__organisation_id=organisation_id)
    tenants = special.order_by("tenant__slug").values("tenant__slug", "plan", "overrides")
    return {
        "plan": plan and {name: getattr(plan, name) for name in _SHOWN},
        "plan_source": source,
        "overrides": given["overrides"],
        "reason": given["reason"],
        "changed_at": given["changed_at"],
        "changed_by": given["changed_by"],
        "offered": list(offered.values(*_SHOWN)[:1000]),
        "tenants": [{"tenant": row.pop("tenant__slug"), **row} for row in tenants[:1000]],
    }
