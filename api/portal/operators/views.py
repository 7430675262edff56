"""GET /operators/tenants; GET …/{slug}; POST …/{slug}/suspend, …/resume; GET, POST /operators/entries; DELETE …/{id}."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.operators.shapes import (
    EntriesShape,
    EntryBody,
    EntryShape,
    OneTenantShape,
    ReasonBody,
    StateShape,
    TenantPageQuery,
    TenantPageShape,
)
from api.portal.operators.view import OperatorView
from api.portal.pages import asked_of, page_of
from api.portal.view import read
from controlplane.foundation.clock import utc_now
from controlplane.runs.quota import look_again
from tenants.limits.read import read_quota
from tenants.models.membership import Membership
from tenants.operators import (
    enter_tenant,
    entries_of,
    find_tenant,
    leave_tenant,
    resume,
    shown,
    suspend,
    tenants_named,
)
from tenants.scope import tenant_scope


class OperatedTenants(OperatorView):
    @extend_schema(parameters=[TenantPageQuery], responses={200: TenantPageShape})
    def get(self, request: Request) -> Response:
        """Which tenants there are, by name, a page at a time. Nothing of what is in them."""
        self.operator(request)
        page = page_of(request, tenants_named(**asked_of(TenantPageQuery, request)), "slug")
        return page.answer("tenants", [shown(row) for row in page.rows])


class OperatedTenant(OperatorView):
    @extend_schema(responses={200: OneTenantShape})
    def get(self, request: Request, slug: str) -> Response:
        """One tenant: its state, its plan, and each limit that holds, with where it comes from."""
        self.operator(request)
        found = find_tenant(slug=slug)
        with tenant_scope(found["id"]):
            quota = read_quota()
        members = Membership.objects.using("auth").filter(tenant_id=found["id"]).count()
        limits = [
            {"name": one.name, "value": one.value, "source": one.source} for one in quota.limits.values()
        ]
        plan = quota.plan.name if quota.plan else None
        return Response({**found, "plan": plan, "limits": limits, "members": members})


class Suspend(OperatorView):
    @extend_schema(request=ReasonBody, responses={200: StateShape})
    def post(self, request: Request, slug: str) -> Response:
        """Close the tenant's doors to its members and tokens, and admit none of its tasks; what runs goes on."""
        self.operator(request)
        tenant = suspend(slug=slug, **read(ReasonBody, request))
        return Response({"slug": slug, "state": tenant.state})


class ResumeTenant(OperatorView):
    @extend_schema(request=ReasonBody, responses={200: StateShape})
    def post(self, request: Request, slug: str) -> Response:
        """Open them again."""
        self.operator(request)
        tenant = resume(slug=slug, **read(ReasonBody, request))
        with tenant_scope(tenant.id):
            look_again(now=utc_now())
        return Response({"slug": slug, "state": tenant.state})


class Entries(OperatorView):
    @extend_schema(responses={200: EntriesShape})
    def get(self, request: Request) -> Response:
        """The caller's own entries that are open, newest first."""
        caller = self.operator(request)
        assert caller.user_id is not None  # `operator` lets only people in
        page = page_of(request, entries_of(user_id=caller.user_id, now=utc_now()), "-id")
        found = [{key.removesuffix("__slug"): value for key, value in row.items()} for row in page.rows]
        return page.answer("entries", found)

    @extend_schema(request=EntryBody, responses={201: EntryShape})
    def post(self, request: Request) -> Response:
        """Enter a tenant for a while, for a reason that the tenant reads."""
        caller = self.operator(request)
        body: dict[str, Any] = read(EntryBody, request)
        assert caller.user_id is not None
        entry = enter_tenant(
            slug=body["tenant"],
            user_id=caller.user_id,
            username=caller.name,
            role=body["role"],
            reason=body["reason"],
            minutes=body["minutes"],
            address=str(request.META.get("REMOTE_ADDR", "")),
            now=utc_now(),
        )
        told = {name: getattr(entry, name) for name in ("id", "role", "reason", "entered_at", "expires_at")}
        return Response({**told, "tenant": body["tenant"]}, status=201)


class OneEntry(OperatorView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, entry_id: UUID) -> Response:
        """Leave before the time is over."""
        caller = self.operator(request)
        assert caller.user_id is not None
        leave_tenant(entry_id=entry_id, user_id=caller.user_id, now=utc_now())
        return Response(status=204)
