"""The handrail: every query runs in the scope of one tenant, set for one transaction.

`tenant_scope(tenant_id)` opens a transaction, tells Postgres whose rows may be seen, and forgets it at the
end. The wall itself is row-level security (`tenants.rls`): without a scope a query sees no rows at all.
Source: RELIABILITY 4.1.5; a savepoint released inside keeps the inner setting, so scopes never nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper

from tenants.part import current_part
from tenants.time_limit import limit_settings


class CrossTenantNesting(RuntimeError):
    """A scope was opened inside another tenant's scope."""


class TenantScopeInsideTransaction(RuntimeError):
    """A scope was opened inside a transaction that began without one."""


class TenantScopeMissing(RuntimeError):
    """Work for one tenant was asked for, and no tenant's scope is open."""


@contextmanager
def tenant_scope(tenant_id: UUID | str, *, using: str = "default") -> Iterator[None]:
    """One transaction in which only the rows of `tenant_id` exist. Re-entry for the same tenant does nothing."""
    connection = connections[using]
    wanted = str(tenant_id)
    current = getattr(connection, "_aerodrome_tenant", None)
    if current == wanted:
        yield
        return
    if current is not None:
        raise CrossTenantNesting(f"the scope of tenant {current} is open; tenant {wanted} was asked for")
    if connection.in_atomic_block:
        raise TenantScopeInsideTransaction("open the tenant scope first: it is the transaction")
    with transaction.atomic(using=using, durable=True):
        connection._aerodrome_tenant = wanted  # type: ignore[attr-defined]
        try:
            with connection.cursor() as cursor:
                _set(cursor, [("app.tenant_id", wanted), *limit_settings(), *_part(wanted, using)])
            yield
            if connection.run_on_commit and not connection.needs_rollback:
                _run_last(using)
        finally:
            connection._aerodrome_tenant = None  # type: ignore[attr-defined]


class Last(Protocol):
    """What a transaction does last: `before()` right before its commit, the call itself right after."""

    def before(self) -> None: ...

    def __call__(self) -> None: ...


def before_commit(last: Last, *, using: str = "default") -> None:
    """Do this at the end of the open scope, in its transaction. A savepoint that is rolled back forgets what was
    asked for inside it, as Django's own `on_commit` does."""
    require_tenant(using=using)
    connections[using].on_commit(last)


def _run_last(using: str) -> None:
    for _, wanted, *_ in list(connections[using].run_on_commit):
        if before := getattr(wanted, "before", None):
            before()


def _part(tenant_id: str, using: str) -> list[tuple[str, str]]:
    """What narrows this scope to the part of the tenant that the request reaches, if it does not reach all."""
    part = current_part()
    if part is None or using != "default":
        return []
    if str(part.tenant_id) != tenant_id:
        raise CrossTenantNesting(f"this request reaches a part of tenant {part.tenant_id}, not {tenant_id}")
    return part.settings()


def _set(cursor: CursorWrapper, settings: list[tuple[str, str]]) -> None:
    """One statement, for this transaction alone; `role` last, as the tenant's rows are seen with it."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    cursor.execute(f"SELECT {calls}", [value for setting in settings for value in setting])


def current_tenant(*, using: str = "default") -> str | None:
    """The tenant whose scope is open on this thread's connection, if any."""
    return getattr(connections[using], "_aerodrome_tenant", None)


def require_tenant(*, using: str = "default") -> UUID:
    """The tenant whose scope is open. Raises TenantScopeMissing."""
    found = current_tenant(using=using)
    if found is None:
        raise TenantScopeMissing(f"open the tenant's scope on {using!r} first (tenants.scope.tenant_scope)")
    return UUID(found)
