"""Paths of roles, service accounts and grants, below `/api/portal/v1/`."""

from __future__ import annotations

from django.urls import path

from api.portal.access.accounts import AccountTokens, OneServiceAccount, ServiceAccounts
from api.portal.access.grants import Grants, OneGrant
from api.portal.access.operator_entries import OperatorEntries
from api.portal.access.roles import OneRole, Permissions, Roles
from api.portal.access.tokens import OneToken, RotateToken, Tokens

urlpatterns = [
    path("permissions", Permissions.as_view()),
    path("tenants/<slug:slug>/tokens", Tokens.as_view()),
    path("tenants/<slug:slug>/tokens/<uuid:token_id>", OneToken.as_view()),
    path("tenants/<slug:slug>/tokens/<uuid:token_id>/rotate", RotateToken.as_view()),
    path("tenants/<slug:slug>/roles", Roles.as_view()),
    path("tenants/<slug:slug>/roles/<str:name>", OneRole.as_view()),
    path("tenants/<slug:slug>/service-accounts", ServiceAccounts.as_view()),
    path("tenants/<slug:slug>/service-accounts/<uuid:account_id>", OneServiceAccount.as_view()),
    path("tenants/<slug:slug>/service-accounts/<uuid:account_id>/tokens", AccountTokens.as_view()),
    path("tenants/<slug:slug>/grants", Grants.as_view()),
    path("tenants/<slug:slug>/grants/<uuid:grant_id>", OneGrant.as_view()),
    path("tenants/<slug:slug>/operator-entries", OperatorEntries.as_view()),
]
