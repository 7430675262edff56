"""Reads of the ledger that more than one station needs. Inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance


def running_tries(*, ids: Sequence[UUID], using: str = "default") -> list[tuple[UUID, int, int]]:
    """(id, epoch, try_number) of those that are running."""
    rows = TaskInstance.objects.using(using).filter(id__in=ids, state="running")
    return list(rows.values_list("id", "epoch", "try_number"))


def running_runs(*, ids: Sequence[UUID], using: str = "default") -> list[UUID]:
    """Those of these runs that are running, in id order."""
    rows = DagRun.objects.using(using).filter(id__in=ids, state="running").order_by("id")
    return list(rows.values_list("id", flat=True))


def state_of(*, task_instance: UUID, using: str = "default") -> str | None:
    """The state of a task instance; None when it has none yet, or is not this tenant's."""
    rows = TaskInstance.objects.using(using).filter(id=task_instance)
    return rows.values_list("state", flat=True).first()
