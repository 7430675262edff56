"""Tokens: GET, POST /tenants/{slug}/tokens; DELETE …/{token_id}; POST …/{token_id}/rotate."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.access.token_shapes import NewTokenBody, NewTokenShape, RotateBody, RotatedShape, TokensShape
from api.portal.pages import page_of
from api.portal.view import PortalView, read
from api.problems import PermissionMissing
from controlplane.foundation.clock import utc_now
from controlplane.ledger.record_event import record_event
from tenants.access import Access
from tenants.models.token import Token
from tenants.roles import check_within, find_role
from tenants.scope import tenant_scope
from tenants.tokens import IssuedToken, issue_token, revoke_token, rotate_token

_SHOWN = ("id", "name", "kind", "role", "scopes", "prefix", "created_by", "created_at", "expires_at", "revoked_at",
          "last_used_at", "replaced_by", "service_account__name")  # fmt: skip


class Tokens(PortalView):
    @extend_schema(responses={200: TokensShape})
    def get(self, request: Request, slug: str) -> Response:
        """Tokens without their secrets: everybody's for who may revoke them, otherwise one's own."""
        access = self.access(request, slug, "tokens.own")
        with tenant_scope(access.tenant_id):
            rows = Token.objects.all()
            if not access.may("tokens.edit"):
                rows = rows.filter(created_by=access.name)
            return shown_tokens(request, rows)

    @extend_schema(request=NewTokenBody, responses={201: NewTokenShape})
    def post(self, request: Request, slug: str) -> Response:
        """A token with at most the caller's permissions, which ends with their membership. Its text is in this
        answer and nowhere else."""
        access = self.access(request, slug, "tokens.own")
        if access.user_id is None:
            raise PermissionMissing("a token makes no tokens of its own: make one of a service account")
        body = read(NewTokenBody, request)
        now, days = utc_now(), body["lifetime_days"]
        with tenant_scope(access.tenant_id):
            made = issue_token(
                kind=body["kind"],
                name=body["name"],
                role=body["role"],
                scopes=body["scopes"],
                created_by=access.name,
                now=now,
                expires_at=None if days is None else now + timedelta(days=days),
                by=access,
            )
            _record(access, "create_token", made.id, made.name)
        return Response(shown_new(made), status=201)


class OneToken(PortalView):
    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, token_id: UUID) -> Response:
        """Revoke it: it opens nothing from now on."""
        access = self.access(request, slug, "tokens.own")
        with tenant_scope(access.tenant_id):
            row = _own_or_any(access, token_id)
            revoke_token(token_id=token_id, now=utc_now())
            _record(access, "revoke_token", token_id, row.name if row else "")
        return Response(status=204)


class RotateToken(PortalView):
    @extend_schema(request=RotateBody, responses={201: RotatedShape})
    def post(self, request: Request, slug: str, token_id: UUID) -> Response:
        """A new token in its place; the old one is good for `overlap_hours` yet. Nobody rotates a token that may
        do more than they may: they would have its text."""
        access = self.access(request, slug, "tokens.own")
        hours = read(RotateBody, request)["overlap_hours"]
        with tenant_scope(access.tenant_id):
            row = _own_or_any(access, token_id)
            if row is not None:
                held = find_role(_role(row), tenant_id=access.tenant_id) or frozenset()
                check_within(held if row.scopes is None else held & frozenset(row.scopes), access)
            made = rotate_token(token_id=token_id, overlap_hours=hours, now=utc_now())
            old = Token.objects.get(id=token_id)
            _record(access, "rotate_token", token_id, made.name)
        return Response({**shown_new(made), "old_expires_at": old.expires_at}, status=201)


def shown_tokens(request: Request, rows: QuerySet[Token]) -> Response:
    """A page of them, newest first."""
    page = page_of(request, rows.values(*_SHOWN), "-id")
    shown = [
        {key.replace("service_account__name", "service_account"): value for key, value in row.items()}
        for row in page.rows
    ]
    return page.answer("tokens", shown)


def shown_new(made: IssuedToken) -> dict[str, Any]:
    """As `NewTokenShape` has it, with its text."""
    shown = {name: getattr(made, name) for name in ("id", "name", "kind", "role", "expires_at")}
    return {**shown, "token": made.text}


def _own_or_any(access: Access, token_id: UUID) -> Token | None:
    """The row, if there is one; others' only for who may. A machine's tokens are for who may edit accounts."""
    row = Token.objects.filter(id=token_id).select_related("service_account").first()
    if row is None:
        return None
    needed = "accounts.edit" if row.service_account_id else "tokens.edit"
    mine = row.service_account_id is None and row.created_by == access.name
    if not mine and not access.may(needed):
        raise PermissionMissing(f"the role {access.role} does not hold {needed}")
    return row


def _role(row: Token) -> str:
    return row.role if row.service_account is None else row.service_account.role


def _record(access: Access, event: str, token_id: UUID, name: str) -> None:
    extra = {"token_id": str(token_id), "name": name}
    record_event(event=event, owner=access.name, now=utc_now(), extra=extra)
