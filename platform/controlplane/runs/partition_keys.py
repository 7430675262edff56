"""The partition that somebody names when they ask for a run: may it be named, and which instant does it mean.

Airflow 3.3.2's `validate_partition_key` and `resolve_partition_date`, with its sentences. Called by `runs.trigger`.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from controlplane.runs.partitions import Mappers
from domain.assets import key_of, leaves
from domain.partition_mappers import partition_date_of
from domain.partition_windows import PartitionInvalid
from domain.timetables import partitions
from domain.timetables.instants import TimetableInvalid
from taskwire.dagspec import TimetableSpec

LONGEST = 250
PARTITIONED = ("partition_cron", "partition_asset", "partition_runtime")


class PartitionKeyInvalid(ValueError):
    """The DAG has no partitions, or the key names none of them."""


def read_partition_key(*, timetable: TimetableSpec, dag_id: str, key: str | None) -> datetime | None:
    """The start of the partition; None for no key, and for keys that are no dates. Raises PartitionKeyInvalid."""
    if key is None:
        return None
    if timetable.kind not in PARTITIONED:
        raise PartitionKeyInvalid(
            f"Dag '{dag_id}' is not a partitioned Dag and does not accept a partition_key."
        )
    if not key.strip():
        raise PartitionKeyInvalid("partition_key must not be empty or whitespace-only.")
    if len(key) > LONGEST:
        raise PartitionKeyInvalid(f"partition_key must be at most {LONGEST} characters; got {len(key)}.")
    if timetable.kind == "partition_cron":
        try:
            return partitions.partition_date_of(timetable, key)
        except TimetableInvalid as error:
            raise PartitionKeyInvalid(str(error)) from error
    return _by_mappers(timetable, key) if timetable.kind == "partition_asset" else None


def _by_mappers(timetable: TimetableSpec, key: str) -> datetime | None:
    """What the mappers of all assets that can read it agree on."""
    mappers = Mappers(msgspec.to_builtins(timetable))
    found: set[datetime] = set()
    for leaf in leaves(timetable.condition):
        if leaf.get("type") == "asset":
            name, uri = key_of(leaf)
        elif leaf.get("type") == "ref":
            name, uri = str(leaf.get("name") or ""), str(leaf.get("uri") or "")
        else:
            continue
        try:
            date = partition_date_of(mappers.of(name, uri), key)
        except PartitionInvalid as error:
            raise PartitionKeyInvalid(
                f"Partition key {key!r} is invalid for this timetable's mappers: {error}"
            ) from error
        if date is not None:
            found.add(date)
    return found.pop() if len(found) == 1 else None
