"""Reads of the ledger that more than one station needs. Inside the tenant's scope."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from controlplane.ledger.models.task_instance import TaskInstance


def running_tries(*, ids: Sequence[UUID], using: str = "default") -> list[tuple[UUID, int, int]]:
    """(id, epoch, try_number) of those that are running."""
    rows = TaskInstance.objects.using(using).filter(id__in=ids, state="running")
    return list(rows.values_list("id", "epoch", "try_number"))
