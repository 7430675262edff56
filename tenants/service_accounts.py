"""Service accounts: a tenant's own machines, each with a role and tokens of its own.

An account outlives who made it. What hangs on it in the database is a user row without a password and without
a membership: grants can name it, nobody can sign in with it. Runs as the sign-in role, which writes people.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from domain.ids import uuid7
from tenants.access import Access
from tenants.models.service_account import ServiceAccount
from tenants.models.user import User
from tenants.roles import check_given

MAX_ACCOUNTS = 500
_NAME = re.compile(r"[a-z][a-z0-9-]{0,61}[a-z0-9]")
SHOWN = ("id", "name", "description", "role", "is_active", "created_by", "created_at")


class AccountUnknown(LookupError):
    """The tenant has no such service account."""


class AccountInvalid(ValueError):
    """The name is none, or there are too many."""


class AccountTaken(ValueError):
    """There is an account of this name."""


def create_account(*, name: str, description: str, role: str, by: Access, now: datetime) -> ServiceAccount:
    """Raises AccountInvalid, AccountTaken, and what `tenants.roles.check_given` raises."""
    if not _NAME.fullmatch(name):
        raise AccountInvalid(
            "a name has 2 to 63 small letters, digits and - inside, and begins with a letter"
        )
    check_given(role=role, by=by, using="auth")
    rows = ServiceAccount.objects.using("auth").filter(tenant_id=by.tenant_id)
    if rows.count() >= MAX_ACCOUNTS:
        raise AccountInvalid(f"a tenant has at most {MAX_ACCOUNTS} service accounts")
    account_id = uuid7()
    try:
        with transaction.atomic(using="auth"):
            # A colon: no person can register such a name.
            user = User.objects.create_user(username=f"service:{account_id}", email="", password=None)
            account = ServiceAccount(
                id=account_id,
                tenant_id=by.tenant_id,
                name=name,
                description=description,
                role=role,
                user=user,
                created_by=by.name,
                created_at=now,
            )
            account.save(using="auth", force_insert=True)
    except IntegrityError as error:
        raise AccountTaken(f"there is a service account '{name}' already") from error
    return account


def change_account(
    *, account_id: UUID, by: Access, changes: dict[str, Any]
) -> tuple[ServiceAccount, dict[str, Any]]:
    """Its `role`, `description` or `is_active`; the account as it is now, and what was there before. A role that
    allows more than `by` holds is neither given nor taken away by them. Raises AccountUnknown, RoleBeyond."""
    with transaction.atomic(using="auth"):
        account = _locked(account_id, by.tenant_id)
        check_given(role=account.role, by=by, using="auth")
        if "role" in changes:
            check_given(role=changes["role"], by=by, using="auth")
        before = {name: getattr(account, name) for name in changes}
        for name, value in changes.items():
            setattr(account, name, value)
        account.save(using="auth", update_fields=list(changes) or ["role"])
    return account, before


def delete_account(*, account_id: UUID, by: Access) -> ServiceAccount:
    """Gone with its tokens and its grants. Raises AccountUnknown, RoleBeyond."""
    with transaction.atomic(using="auth"):
        account = _locked(account_id, by.tenant_id)
        check_given(role=account.role, by=by, using="auth")
        User.objects.using("auth").filter(id=account.user_id).delete()
    return account


def find_account(*, account_id: UUID) -> ServiceAccount:
    """Within the tenant's scope. Raises AccountUnknown."""
    account = ServiceAccount.objects.filter(id=account_id).first()
    if account is None:
        raise AccountUnknown(f"this tenant has no service account {account_id}")
    return account


def _locked(account_id: UUID, tenant_id: UUID) -> ServiceAccount:
    rows = ServiceAccount.objects.using("auth").select_for_update(of=("self",))
    account = rows.filter(id=account_id, tenant_id=tenant_id).first()
    if account is None:
        raise AccountUnknown(f"this tenant has no service account {account_id}")
    return account
