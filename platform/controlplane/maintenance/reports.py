"""Scheduled reports: a periodic job looks at tenants that have some, counts the day that is over, makes what is due.

Before: a `report_due` row whose morning has come. After: the days of the last two periods are counted, every schedule
whose period is over has a report, its messages are queued, and the row waits for the next morning; all of a tenant in
one transaction. `send` is the station of alerts', which this one does not know (`api/periodic_jobs.py`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from controlplane.foundation.db import execute
from controlplane.ledger.models.report import Report
from controlplane.ledger.models.report_schedule import ReportSchedule
from controlplane.ledger.models.run_day import RunDay
from controlplane.maintenance.report_figures import figures
from domain.ids import uuid7
from domain.reporting import last_span, next_look, span_before
from tenants.scope import require_tenant, tenant_scope

log = structlog.get_logger("reports")

BATCH = 50
HOLD_SECONDS = 600.0
"""How long a tenant is left to whoever looks at it, and after which it is tried again when that failed."""
KEPT = 120
"""Reports that are kept of each schedule."""
DAYS_KEPT = 400


class Send(Protocol):
    """Queues the messages of a report; in the tenant's scope."""

    def __call__(self, *, report: Report, channels: list[UUID], now: datetime, using: str) -> None: ...


def make_due(*, now: datetime, using: str, send: Send) -> str:
    """One batch of tenants; says what was done. One tenant's trouble is not the others'."""
    tenants = [
        row[0]
        for row in execute(
            "maintenance/sql/take_reports.sql", using=using, now=now, batch=BATCH, seconds=HOLD_SECONDS
        )
    ]
    made = failed = 0
    for tenant_id in tenants:
        try:
            with tenant_scope(tenant_id, using=using):
                made += _look(now, using, send)
        except Exception:
            # It is told, and tried again when its hold is over.
            log.exception("reports.failed", tenant=str(tenant_id))
            failed += 1
    return f"{made} reports for {len(tenants) - failed} tenants" + (f", {failed} failed" if failed else "")


def make_now(*, schedule: ReportSchedule, now: datetime, send: Send, using: str = "default") -> Report:
    """The report of the last whole period, made (again) and sent. In the tenant's scope."""
    first, last = last_span(schedule.period, now.astimezone(UTC).date())
    return _make(schedule, first, last, now, using, send)


def _look(now: datetime, using: str, send: Send) -> int:
    today = now.astimezone(UTC).date()
    rows = ReportSchedule.objects.using(using).filter(is_enabled=True).order_by("id")
    schedules = list(rows.select_for_update())
    made = 0
    if schedules:
        count_days(first=today - timedelta(days=3), last=today, using=using)
        RunDay.objects.using(using).filter(day__lt=today - timedelta(days=DAYS_KEPT)).delete()
    for schedule in schedules:
        first, last = last_span(schedule.period, today)
        if last > schedule.made_until:
            _make(schedule, first, last, now, using, send)
            schedule.made_until = last
            schedule.save(using=using, update_fields=["made_until"])
            made += 1
    tenant_id = require_tenant(using=using)
    execute("maintenance/sql/settle_reports.sql", using=using, due_at=next_look(now, tenant_id))
    return made


def count_days(*, first: date, last: date, using: str) -> int:
    """Count the runs of days that are not counted; returns how many days. In the tenant's scope."""
    return int(execute("maintenance/sql/put_run_days.sql", using=using, first=first, last=last)[0][0])


def _make(schedule: ReportSchedule, first: date, last: date, now: datetime, using: str, send: Send) -> Report:
    count_days(first=span_before(schedule.period, first)[0], last=last, using=using)
    said = figures(period=schedule.period, first=first, last=last, objective=schedule.objective, using=using)
    values = {
        "name": schedule.name,
        "period": schedule.period,
        "asked_by": schedule.asked_by,
        "last": last,
        "figures": said,
        "made_at": now,
    }
    key = {"tenant_id": schedule.tenant_id, "schedule_id": schedule.id, "first": first}
    row, _ = Report.objects.using(using).update_or_create(
        **key, defaults=values, create_defaults={**values, "id": uuid7()}
    )
    mine = Report.objects.using(using).filter(schedule_id=schedule.id)
    old = list(mine.order_by("-first").values_list("id", flat=True)[KEPT : KEPT + 100])
    mine.filter(id__in=old).delete()
    send(report=row, channels=[UUID(one) for one in schedule.channels], now=now, using=using)
    return row
