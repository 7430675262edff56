"""Partitions in the ledger: the keys that events were mapped to, and what waits for the rest of its partition.

Written by the scheduler that holds the tenant's lease, and by nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from controlplane.foundation.db import execute


@dataclass(frozen=True, slots=True)
class NewKey:
    """An event of `source_key` is for the run of `target_key`."""

    dag: UUID
    asset: UUID
    event: UUID
    source_key: str
    target_key: str
    partition_date: datetime | None
    fingerprint: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WaitingKey:
    """One that has no run yet."""

    dag: UUID
    id: UUID
    event: UUID
    name: str
    uri: str
    is_active: bool
    source_key: str
    target_key: str
    partition_date: datetime | None
    fingerprint: str


def store_keys(*, keys: Sequence[NewKey], queued: Sequence[UUID], using: str) -> None:
    """Keep the keys; the queued events they come from are taken."""
    execute(
        "ledger/sql/store_partition_keys.sql",
        using=using,
        keys=msgspec.json.encode(list(keys)).decode(),
        queued=list(queued),
    )


def read_keys(*, dags: Sequence[UUID], most: int, using: str) -> list[WaitingKey]:
    """What waits for these DAGs, oldest first."""
    rows = execute("ledger/sql/read_partition_keys.sql", using=using, dags=list(dags), most=most)
    return [WaitingKey(*row) for row in rows]


def take_keys(*, taken: Sequence[tuple[UUID, UUID]], stale: Sequence[UUID], using: str) -> None:
    """(key, run): the runs have these, and consumed their events; the stale ones are dropped."""
    execute(
        "ledger/sql/take_partition_keys.sql",
        using=using,
        keys=[key for key, _ in taken],
        runs=[run for _, run in taken],
        stale=list(stale),
    )
