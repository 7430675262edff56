"""GET /tenants/{slug}, its tokens and its runtimes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.addresses import tenant_shape
from api.portal.tenants.shapes import (
    NewTokenBody,
    NewTokenShape,
    RuntimeShape,
    RuntimesShape,
    StatusShape,
    TokensShape,
)
from api.portal.view import PortalView
from api.problems import PermissionMissing, PortalNotFound
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.record_event import record_event
from tenants.access import Access
from tenants.models.tenant import Tenant
from tenants.models.token import Token
from tenants.scope import tenant_scope
from tenants.tokens import issue_token, revoke_token

_TOKEN = ("id", "name", "kind", "role", "prefix", "created_by", "created_at", "expires_at", "revoked_at")
_RUNTIME = ("id", "digest", "airflow", "python", "requirements", "state", "message", "created_at", "ready_at")


class Status(PortalView):
    @extend_schema(responses={200: StatusShape})
    def get(self, request: Request, slug: str) -> Response:
        """The tenant in a few numbers, and what the caller may do there."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            tenant = Tenant.objects.get(id=access.tenant_id)
            numbers = {
                "dags": Dag.objects.filter(is_stale=False).count(),
                "import_errors": FileError.objects.count(),
                "running_runs": DagRun.objects.filter(state="running").count(),
                "running_tasks": TaskInstance.objects.filter(state="running").count(),
            }
        permissions = sorted(access.permissions)
        return Response({**tenant_shape(tenant, access.role), **numbers, "permissions": permissions})


class Tokens(PortalView):
    @extend_schema(responses={200: TokensShape})
    def get(self, request: Request, slug: str) -> Response:
        """Tokens without their secrets: everybody's for who may revoke them, otherwise one's own."""
        access = self.access(request, slug, "tokens.own")
        with tenant_scope(access.tenant_id):
            rows = Token.objects.order_by("-id")
            if not access.may("tokens.edit"):
                rows = rows.filter(created_by=access.name)
            return Response({"tokens": list(rows.values(*_TOKEN))})

    @extend_schema(request=NewTokenBody, responses={201: NewTokenShape})
    def post(self, request: Request, slug: str) -> Response:
        """A token with at most the caller's role. Its text is in this answer and nowhere else."""
        access = self.access(request, slug, "tokens.own")
        given = NewTokenBody(data=request.data)
        given.is_valid(raise_exception=True)
        body: dict[str, Any] = given.validated_data
        now = utc_now()
        days = body["lifetime_days"]
        with tenant_scope(access.tenant_id):
            made = issue_token(
                kind=body["kind"],
                name=body["name"],
                role=body["role"],
                created_by=access.name,
                now=now,
                expires_at=None if days is None else now + timedelta(days=days),
                by=access,
            )
            _record(access, "create_token", made.id, made.name)
        shown = {name: getattr(made, name) for name in ("id", "name", "kind", "role", "expires_at")}
        return Response({**shown, "token": made.text}, status=201)


class OneToken(PortalView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, token_id: UUID) -> Response:
        """Revoke it: it opens nothing from now on."""
        access = self.access(request, slug, "tokens.own")
        with tenant_scope(access.tenant_id):
            row = Token.objects.filter(id=token_id).first()
            if row is not None and row.created_by != access.name and not access.may("tokens.edit"):
                raise PermissionMissing(f"the role {access.role} does not hold tokens.edit")
            revoke_token(token_id=token_id, now=utc_now())
            _record(access, "revoke_token", token_id, row.name if row else "")
        return Response(status=204)


class Runtimes(PortalView):
    @extend_schema(responses={200: RuntimesShape})
    def get(self, request: Request, slug: str) -> Response:
        """The newest runtimes, without their build logs."""
        access = self.access(request, slug, "runtimes.read")
        with tenant_scope(access.tenant_id):
            rows = list(Runtime.objects.order_by("-id").values(*_RUNTIME)[:50])
        return Response({"runtimes": rows})


class OneRuntime(PortalView):
    @extend_schema(responses={200: RuntimeShape})
    def get(self, request: Request, slug: str, runtime_id: UUID) -> Response:
        """One runtime with its build log."""
        access = self.access(request, slug, "runtimes.read")
        with tenant_scope(access.tenant_id):
            row = Runtime.objects.filter(id=runtime_id).values(*_RUNTIME, "log").first()
        if row is None:
            raise PortalNotFound(f"this tenant has no runtime {runtime_id}")
        return Response(row)


def _record(access: Access, event: str, token_id: UUID, name: str) -> None:
    extra = {"token_id": str(token_id), "name": name}
    record_event(event=event, owner=access.name, now=utc_now(), extra=extra)
