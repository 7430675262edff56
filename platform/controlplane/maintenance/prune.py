"""What a tenant keeps no longer is deleted: runs with all that hangs on them, logs, XComs, alerts that are over, rows of
the event log, usage of single attempts, bundles that nothing uses, the beginning of its audit.

An errand of each tenant that set a retention, once a day; others cost nothing. Small batches, a transaction each, so
that the tenant's own work waits for none of them longer than a moment; a process that dies goes on where it was. Files
go after the rows that name them were deleted: one that is left over by a kill is gone with the next round of its DAG.
Where the tenant names hours of the day, nothing goes outside of them; a round that began goes to its end, which is bounded.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from controlplane.execution import logs
from controlplane.foundation.db import execute
from controlplane.ledger import clearing
from controlplane.ledger.models.retention import Retention
from controlplane.maintenance.prune_bundles import prune_bundles
from controlplane.maintenance.storage import recount_logs
from tenants.audit.chains import checkpoint_store
from tenants.audit.checkpoint import CheckpointThere
from tenants.audit.cut import ChainBroken, cut_chain
from tenants.scope import tenant_scope

log = structlog.get_logger("maintenance")

RUNS = 20
"""How many runs one transaction deletes: each may have thousands of task instances."""
ROWS = 500
BATCHES = 100
"""Of each kind in one round; the rest follows a minute later."""
REST = timedelta(minutes=1)
DAY = timedelta(days=1)
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def prune_tenant(*, tenant_id: UUID, ref: UUID, now: datetime) -> datetime | None:
    """Errand `prune`. Returns when to go again; None when the tenant keeps everything."""
    with tenant_scope(tenant_id):
        kept = Retention.objects.first()
    if kept is None:
        return None
    if (later := next_window(kept.from_hour, kept.until_hour, now)) is not None:
        return later
    done: Counter[str] = Counter()
    full = False
    for days, prune in (
        (kept.runs_days, _prune_runs),
        (kept.runs_days, _prune_asset_events),
        (kept.logs_days, _prune_logs),
        (kept.xcoms_days, _prune_xcoms),
        (kept.alerts_days, _prune_alerts),
        (kept.events_days, _prune_events),
        (kept.usage_days, _prune_usage),
        (kept.bundles_days, _prune_bundles),
        (kept.audit_days, partial(_prune_audit, now=now)),
    ):
        if days is not None:
            full |= prune(tenant_id, now - days * DAY, done)
    with tenant_scope(tenant_id):
        execute("maintenance/sql/count_held.sql", now=now, anyway=done["xcoms"] + done["runs"] > 0)
        Retention.objects.update(pruned_at=now, pruned=dict(done))
    if done["logs"] + done["runs"] > 0:
        recount_logs(tenant_id=tenant_id, now=now)
    log.info("tenant.pruned", tenant=str(tenant_id), more=full, **done)
    return now + (REST if full else DAY)


def _prune_runs(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    for _ in range(BATCHES):
        with tenant_scope(tenant_id):
            rows = execute("maintenance/sql/pick_old_runs.sql", before=before, batch=RUNS)
            if not rows:
                return False
            clearing.exclude_rounds()
            held = clearing.hold_runs(runs=[row[0] for row in rows])
            over = {one.id for one in held if one.state in ("success", "failed")}
            clearing.delete_runs(runs=sorted(over))
        for run, dag_id, run_id in rows:
            if run in over:
                logs.forget_run(tenant_id=tenant_id, dag_id=dag_id, run_id=run_id)
        done["runs"] += len(over)
        if not over:
            return False
    return True


def _prune_logs(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    for _ in range(BATCHES):
        with tenant_scope(tenant_id):
            since = Retention.objects.values_list("logs_until", flat=True).first() or BEGINNING
            rows = execute("maintenance/sql/pick_runs_between.sql", since=since, before=before, batch=ROWS)
        for _run, dag_id, run_id, _after in rows:
            done["logs"] += logs.forget_run(tenant_id=tenant_id, dag_id=dag_id, run_id=run_id)
        if not _advance(tenant_id, "logs_until", rows, since):
            return False
    return True


def _prune_xcoms(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    for _ in range(BATCHES):
        with tenant_scope(tenant_id):
            since = Retention.objects.values_list("xcoms_until", flat=True).first() or BEGINNING
            rows = execute("maintenance/sql/pick_runs_between.sql", since=since, before=before, batch=ROWS)
            gone = execute("maintenance/sql/drop_xcoms.sql", runs=[row[0] for row in rows])
        done["xcoms"] += gone[0][0]
        if not _advance(tenant_id, "xcoms_until", rows, since):
            return False
    return True


def _prune_alerts(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    return _repeat("maintenance/sql/drop_alerts.sql", "alerts", tenant_id, before, done)


def _prune_asset_events(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    """After the runs that consumed them."""
    return _repeat("maintenance/sql/drop_asset_events.sql", "asset_events", tenant_id, before, done)


def _prune_events(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    """As the scheduler: the application may not delete what is told of people's deeds."""
    return _repeat("maintenance/sql/drop_events.sql", "events", tenant_id, before, done, using="scheduler")


def _prune_usage(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    return _repeat("maintenance/sql/drop_usage.sql", "usage", tenant_id, before, done)


def _prune_bundles(tenant_id: UUID, before: datetime, done: Counter[str]) -> bool:
    return prune_bundles(tenant_id=tenant_id, before=before, batches=BATCHES, done=done)


def _prune_audit(tenant_id: UUID, before: datetime, done: Counter[str], *, now: datetime) -> bool:
    try:
        cut = cut_chain(chain=tenant_id, before=before, store=checkpoint_store(), now=now)
    except ChainBroken as error:
        # Evidence is kept; docs/runbooks/audit-chain-broken.md.
        log.error("audit.not_cut", tenant=str(tenant_id), error=str(error))
        return False
    except CheckpointThere:
        return True
    done["audit"] += cut.rows
    return cut.more


def _repeat(
    statement: str,
    what: str,
    tenant_id: UUID,
    before: datetime,
    done: Counter[str],
    using: str = "default",
) -> bool:
    for _ in range(BATCHES):
        with tenant_scope(tenant_id, using=using):
            gone = execute(statement, using=using, before=before, batch=ROWS)[0][0]
        if not gone:
            return False
        done[what] += gone
    return True


def next_window(from_hour: int | None, until_hour: int | None, now: datetime) -> datetime | None:
    """When the hours begin in which a tenant wants this done; None: they are now, or it named none."""
    if from_hour is None or until_hour is None:
        return None
    begins = now.replace(hour=from_hour, minute=0, second=0, microsecond=0)
    if (now.hour - from_hour) % 24 < (until_hour - from_hour) % 24:
        return None
    return begins if begins > now else begins + DAY


def _advance(
    tenant_id: UUID, column: str, rows: list[tuple[UUID, str, str, datetime]], since: datetime
) -> bool:
    """Note how far it came; whether there may be more. Runs of one instant that fill a batch are passed over as one."""
    if len(rows) < ROWS:
        return False
    last = rows[-1][3]
    with tenant_scope(tenant_id):
        Retention.objects.update(**{column: last if last > since else last + timedelta(microseconds=1)})
    return True
