"""Service accounts: GET, POST /tenants/{slug}/service-accounts; GET, PATCH, DELETE …/{id}; their tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.access.shapes import (
    AccountChangeBody,
    AccountShape,
    AccountsShape,
    NewAccountBody,
)
from api.portal.access.token_shapes import NewAccountTokenBody, NewTokenShape, TokensShape
from api.portal.access.tokens import shown_new, shown_tokens
from api.portal.pages import page_of
from api.portal.view import PortalView, read
from controlplane.foundation.clock import utc_now
from tenants.audit.record import record_change
from tenants.models.service_account import ServiceAccount
from tenants.models.token import Token
from tenants.roles import check_given
from tenants.scope import tenant_scope
from tenants.service_accounts import (
    SHOWN,
    change_account,
    create_account,
    delete_account,
    find_account,
)
from tenants.tokens import issue_token


class ServiceAccounts(PortalView):
    @extend_schema(responses={200: AccountsShape})
    def get(self, request: Request, slug: str) -> Response:
        """The tenant's machines, by name."""
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            page = page_of(request, ServiceAccount.objects.values(*SHOWN), "name")
            return page.answer("service_accounts", page.rows)

    @extend_schema(request=NewAccountBody, responses={201: AccountShape})
    def post(self, request: Request, slug: str) -> Response:
        """An account with a role of at most what the caller holds."""
        access = self.access(request, slug, "accounts.edit")
        row = create_account(**read(NewAccountBody, request), by=access, now=utc_now())
        _record(access.tenant_id, "service_account.created", row, after={"name": row.name, "role": row.role})
        return Response(_shape(row), status=201)


class OneServiceAccount(PortalView):
    @extend_schema(responses={200: AccountShape})
    def get(self, request: Request, slug: str, account_id: UUID) -> Response:
        access = self.access(request, slug, "tenant.read")
        with tenant_scope(access.tenant_id):
            return Response(_shape(find_account(account_id=account_id)))

    @extend_schema(request=AccountChangeBody, responses={200: AccountShape})
    def patch(self, request: Request, slug: str, account_id: UUID) -> Response:
        """Another role or description; switched off, none of its tokens opens anything."""
        access = self.access(request, slug, "accounts.edit")
        body = read(AccountChangeBody, request)
        row, before = change_account(account_id=account_id, by=access, changes=body)
        _record(access.tenant_id, "service_account.changed", row, before=before, after=body)
        return Response(_shape(row))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, account_id: UUID) -> Response:
        """Gone with its tokens and grants."""
        access = self.access(request, slug, "accounts.edit")
        row = delete_account(account_id=account_id, by=access)
        _record(access.tenant_id, "service_account.deleted", row, before={"name": row.name, "role": row.role})
        return Response(status=204)


class AccountTokens(PortalView):
    @extend_schema(responses={200: TokensShape})
    def get(self, request: Request, slug: str, account_id: UUID) -> Response:
        """The account's tokens without their secrets, newest first."""
        access = self.access(request, slug, "accounts.edit")
        with tenant_scope(access.tenant_id):
            account = find_account(account_id=account_id)
            return shown_tokens(request, Token.objects.filter(service_account_id=account.id))

    @extend_schema(request=NewAccountTokenBody, responses={201: NewTokenShape})
    def post(self, request: Request, slug: str, account_id: UUID) -> Response:
        """A token with the account's role, or less by `scopes`. Its text is in this answer and nowhere else."""
        access = self.access(request, slug, "accounts.edit")
        body = read(NewAccountTokenBody, request)
        now, days = utc_now(), body["lifetime_days"]
        with tenant_scope(access.tenant_id):
            account = find_account(account_id=account_id)
            check_given(role=account.role, by=access)
            made = issue_token(
                kind=body["kind"],
                name=body["name"],
                role=account.role,
                created_by=access.name,
                now=now,
                expires_at=None if days is None else now + timedelta(days=days),
                by=access,
                scopes=body["scopes"],
                service_account_id=account.id,
            )
            record_change(
                action="token.created",
                target=f"token:{made.id}",
                after={
                    "name": made.name,
                    "kind": made.kind,
                    "service_account": account.name,
                    "scopes": body["scopes"],
                },
            )
        return Response(shown_new(made), status=201)


def _record(tenant_id: UUID, action: str, row: ServiceAccount, **what: Any) -> None:
    with tenant_scope(tenant_id):
        record_change(action=action, target=f"service_account:{row.id}", **what)


def _shape(row: ServiceAccount) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SHOWN}
