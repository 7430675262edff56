"""The handrail: every query runs in the scope of one tenant, set for one transaction.

`tenant_scope(tenant_id)` opens a transaction, tells Postgres whose rows may be seen, and forgets it at the
end. The wall itself is row-level security (`tenants.rls`): without a scope a query sees no rows at all.
Source: RELIABILITY 4.1.5; a savepoint released inside keeps the inner setting, so scopes never nest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connections, transaction


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
                cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [wanted])
            yield
        finally:
            connection._aerodrome_tenant = None  # type: ignore[attr-defined]


def current_tenant(*, using: str = "default") -> str | None:
    """The tenant whose scope is open on this thread's connection, if any."""
    return getattr(connections[using], "_aerodrome_tenant", None)


def require_tenant(*, using: str = "default") -> UUID:
    """The tenant whose scope is open. Raises TenantScopeMissing."""
    found = current_tenant(using=using)
    if found is None:
        raise TenantScopeMissing(f"open the tenant's scope on {using!r} first (tenants.scope.tenant_scope)")
    return UUID(found)
