"""Scheduled reports of a tenant: made, changed and deleted in its scope. Called by the portal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.report_schedule import ReportSchedule
from domain.ids import uuid7
from domain.reporting import last_span, next_look
from tenants.scope import require_tenant

MOST = 20


class ScheduleTaken(ValueError):
    """The tenant has one of this name, or as many as there may be."""


class ScheduleUnknown(LookupError):
    """The tenant has no such schedule."""


def find(schedule: UUID) -> ReportSchedule:
    """Raises ScheduleUnknown."""
    row = ReportSchedule.objects.filter(id=schedule).first()
    if row is None:
        raise ScheduleUnknown(f"this tenant has no scheduled report {schedule}")
    return row


def put(
    *, schedule: ReportSchedule | None, given: Mapping[str, Any], by: str, now: datetime
) -> ReportSchedule:
    """A new one, whose first report is of the period that goes on now; or `schedule` with these fields. Raises
    ScheduleTaken; then nothing changed."""
    tenant_id = require_tenant()
    row = schedule or ReportSchedule(
        id=uuid7(), tenant_id=tenant_id, created_at=now, asked_by=by[:150], version=0
    )
    others = ReportSchedule.objects.exclude(id=row.id)
    if others.filter(name=given["name"]).exists():
        raise ScheduleTaken(f"there is a scheduled report named {given['name']!r}")
    if schedule is None and others.count() >= MOST:
        raise ScheduleTaken(f"a tenant has at most {MOST} scheduled reports")
    if row.period != given["period"] or (given["is_enabled"] and not row.is_enabled):
        row.made_until = last_span(given["period"], now.astimezone(UTC).date())[1]
    for name, value in given.items():
        setattr(row, name, [str(one) for one in value] if name == "channels" else value)
    row.updated_at, row.version = now, row.version + 1
    row.save(force_insert=schedule is None)
    _look(tenant_id, now)
    return row


def drop(schedule: UUID, *, now: datetime) -> ReportSchedule:
    """With the reports that were made of it. Raises ScheduleUnknown."""
    row = find(schedule)
    ReportSchedule.objects.filter(id=row.id).delete()
    _look(require_tenant(), now)
    return row


def _look(tenant_id: UUID, now: datetime) -> None:
    execute("maintenance/sql/settle_reports.sql", due_at=next_look(now, tenant_id))
