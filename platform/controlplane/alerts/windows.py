"""Maintenance windows: while one goes on, what it covers opens silently; afterwards one summary tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.alerts.tell import summarize
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.maintenance_window import MaintenanceWindow
from controlplane.ledger.transitions import add_items
from domain.alerting.rules import Subject, fits


@dataclass(frozen=True, slots=True)
class Windows:
    """Those that go on now."""

    rows: Sequence[MaintenanceWindow]

    @classmethod
    def load(cls, *, now: datetime, using: str) -> Windows:
        rows = MaintenanceWindow.objects.using(using).filter(starts_at__lte=now, ends_at__gt=now)
        return cls(list(rows.order_by("ends_at")))

    def silencing(self, subject: Subject) -> UUID | None:
        """The window that covers it, the one that ends last; None when people are told."""
        return next((row.id for row in reversed(self.rows) if fits(row.selector, subject)), None)


def window_over(*, ref: UUID, now: datetime, using: str) -> None:
    """Work item `window`: its end has come. What still goes on is told of with the next failure, as ever."""
    row = MaintenanceWindow.objects.using(using).select_for_update().filter(id=ref).first()
    if row is None or row.summed_up_at is not None:
        return
    if row.ends_at > now:
        add_items(items=[("window", row.id, row.ends_at)], using=using)
        return
    row.summed_up_at = now
    row.save(using=using, update_fields=["summed_up_at"])
    silenced = list(Alert.objects.using(using).filter(window_id=row.id).order_by("id")[:500])
    if silenced:
        summarize(window=row, alerts=silenced, now=now, using=using)
    Alert.objects.using(using).filter(window_id=row.id).update(window_id=None)
