"""What agents measured becomes usage: processor time and memory of attempts that are over. Called by the agents' door.

One transaction and one statement per tenant and beat. What cannot be is passed over: a measurement is never a
reason to refuse a beat, for a beat that is refused loses work.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

import structlog
from django.db import DatabaseError

from controlplane.foundation.db import execute, uuid_or_none
from tenants.scope import tenant_scope

log = structlog.get_logger("maintenance")
LONGEST_SECONDS = 366 * 86400.0
MOST_CPU_SECONDS = 1024 * LONGEST_SECONDS
MOST_BYTES = 2**46

Measured = tuple[str, str, int, float, int, float]


def put_measured(*, rows: Sequence[Measured]) -> int:
    """(tenant_id, id, epoch, processor seconds, peak bytes, seconds) each; returns how many were new. Outside a scope."""
    by_tenant: defaultdict[UUID, list[tuple[UUID, Measured]]] = defaultdict(list)
    for row in rows:
        tenant_id, row_id = uuid_or_none(row[0]), uuid_or_none(row[1])
        if tenant_id is not None and row_id is not None and _can_be(row):
            by_tenant[tenant_id].append((row_id, row))
    total = 0
    for tenant_id, theirs in by_tenant.items():
        try:
            with tenant_scope(tenant_id):
                total += _put(theirs)
        except DatabaseError as error:
            log.warning("usage.measured_lost", tenant=str(tenant_id), error=str(error))
    return total


def _put(rows: list[tuple[UUID, Measured]]) -> int:
    found = execute(
        "ledger/sql/put_measured.sql",
        ids=[row_id for row_id, _ in rows],
        epochs=[row[2] for _, row in rows],
        cpus=[row[3] for _, row in rows],
        peaks=[row[4] for _, row in rows],
        seconds=[row[5] for _, row in rows],
    )
    return len(found)


def _can_be(row: Measured) -> bool:
    _, _, epoch, cpu, peak, seconds = row
    return (
        0 < epoch < 2**31
        and math.isfinite(cpu)
        and 0 <= cpu <= MOST_CPU_SECONDS
        and 0 <= peak <= MOST_BYTES
        and math.isfinite(seconds)
        and 0 <= seconds <= LONGEST_SECONDS
    )
