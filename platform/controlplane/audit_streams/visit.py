"""The periodic visit: chains that moved get a checkpoint and are delivered. Tenants at rest are not looked at.

A mark (`audit_mark`, thin) is left by each appended row. Whoever takes it holds it for a while by its instant: a worker
that dies is followed by another one. A periodic job: `api/periodic_jobs.py`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings

from controlplane.audit_streams.deliver import deliver_tenant
from controlplane.foundation.db import execute
from tenants.audit.chains import checkpoint_store
from tenants.audit.checkpoint import CheckpointStore
from tenants.audit.entry import PLATFORM
from tenants.audit.sign_chain import sign_chain

log = structlog.get_logger("audit")

BATCH = 50
HOLD_SECONDS = 120.0
AGAIN_SECONDS = 60.0
"""After a visit that failed."""


def visit_chains(*, now: datetime, using: str = "scheduler") -> str:
    """One batch of chains, and the platform's own; says what was done."""
    store = checkpoint_store()
    every = settings.AUDIT_CHECKPOINT_SECONDS
    sign_chain(chain=PLATFORM, store=store, now=now, every_seconds=every, using=using)
    marks = execute("audit_streams/sql/take_marks.sql", using=using, seconds=HOLD_SECONDS, batch=BATCH)
    sent = 0
    for tenant_id, moved in marks:
        try:
            count, again_at = _visit(tenant_id, store, now, using)
        except Exception:
            # One tenant's trouble is not the others'; it is told, and tried again.
            log.exception("audit.visit_failed", tenant=str(tenant_id))
            count, again_at = 0, now + timedelta(seconds=AGAIN_SECONDS)
        sent += count
        _settle(tenant_id, moved, again_at, now, using)
    return f"{len(marks)} chains visited, {sent} rows sent"


def _visit(tenant_id: UUID, store: CheckpointStore, now: datetime, using: str) -> tuple[int, datetime | None]:
    signed = sign_chain(
        chain=tenant_id, store=store, now=now, every_seconds=settings.AUDIT_CHECKPOINT_SECONDS, using=using
    )
    count, later = deliver_tenant(tenant_id=tenant_id, now=now, using=using)
    times = [instant for instant in (signed.again_at, later) if instant is not None]
    return count, min(times, default=None)


def _settle(tenant_id: UUID, moved: int, again_at: datetime | None, now: datetime, using: str) -> None:
    if again_at is None:
        if execute("audit_streams/sql/settle_mark.sql", using=using, tenant_id=tenant_id, moved=moved):
            return
        again_at = now
    execute("audit_streams/sql/put_off_mark.sql", using=using, tenant_id=tenant_id, due_at=again_at)
