"""The ledger's invariants, asked of a running stack as the application's own role."""

from __future__ import annotations

from tests.support.invariants import AT_REST, INVARIANTS
from tests.support.stack_tenant import StackTenant


def assert_ledger_sound(tenant: StackTenant) -> None:
    """Nothing is broken, and once it has come to rest nothing due is left."""
    found = [f"{name}: {row}" for name, query in INVARIANTS.items() for row in tenant.rows(query)]
    assert not found, "\n".join(found)

    def at_rest() -> bool:
        return not any(tenant.rows(query) for query in AT_REST.values())

    tenant.stack.until(at_rest, "the ledger to come to rest", seconds=20)
