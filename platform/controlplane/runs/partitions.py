"""Partitioned assets ask for runs: one per partition key, as soon as all that belongs to it has come.

Called by `runs.assets` with locked DAGs and their queued events. As in Airflow: an event without a partition
key, or one that a mapper does not take, starts nothing and is told in the event log; a run waits for its whole
window when the mapper rolls up; when the author changes the mappers, what waited by the old ones is dropped; an
asset that is not active counts for nothing; neither pause nor `max_active_runs` keeps a run from being made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

from controlplane.ledger import asset_partitions
from controlplane.ledger.asset_partitions import NewKey, WaitingKey
from controlplane.ledger.assets import Queued, WaitingDag
from controlplane.ledger.record_event import record_event
from controlplane.ledger.transitions import NewRun, create_runs
from controlplane.runs.asset_waits import condition_of, known_of, new_run
from domain.assets import Condition, Key, Known, is_met, key_of, leaves
from domain.partition_mappers import IDENTITY, carries_date, is_received, partition_date_of, to_downstream
from domain.partition_windows import Encoded, PartitionInvalid

MOST_WAITING = 20_000
LONGEST_KEY = 250


class Mappers:
    """The mappers of one timetable, by the name or URI of the asset."""

    def __init__(self, timetable: Mapping[str, Any]) -> None:
        told = timetable.get("partition") or {}
        self._default: Encoded = told.get("default_mapper") or IDENTITY
        self._by_name: dict[str, Encoded] = {}
        self._by_uri: dict[str, Encoded] = {}
        for each in told.get("mappers", ()):
            for leaf in leaves(each["asset"]):
                if leaf.get("type") == "asset":
                    name, uri = key_of(leaf)
                    self._by_name[name] = self._by_uri[uri] = each["mapper"]
                elif leaf.get("type") == "ref" and leaf.get("name"):
                    self._by_name[str(leaf["name"])] = each["mapper"]
                elif leaf.get("type") == "ref":
                    self._by_uri[str(leaf.get("uri"))] = each["mapper"]
        self.fingerprint = sha256(msgspec.json.encode(told, order="sorted")).hexdigest()

    def of(self, name: str, uri: str) -> Encoded:
        """As Airflow looks it up: by name, and by URI only for what has no name."""
        return self._by_name.get(name, self._default) if name else self._by_uri.get(uri, self._default)


def plan_partitions(
    *, dags: Sequence[WaitingDag], queue: Mapping[UUID, list[Queued]], now: datetime, using: str
) -> list[UUID]:
    """Create the runs whose partitions are complete; returns the DAGs that got some."""
    mappers = {dag.id: Mappers(dag.timetable or {}) for dag in dags}
    keys = [
        key for dag in dags for row in queue.get(dag.id, ()) for key in _keys(dag, mappers, row, now, using)
    ]
    queued = [row.id for dag in dags for row in queue.get(dag.id, ())]
    if queued:
        asset_partitions.store_keys(keys=keys, queued=queued, using=using)
    waiting: defaultdict[UUID, defaultdict[str, list[WaitingKey]]] = defaultdict(lambda: defaultdict(list))
    stale: list[UUID] = []
    found = asset_partitions.read_keys(dags=[dag.id for dag in dags], most=MOST_WAITING, using=using)
    for key in found:
        if key.fingerprint == mappers[key.dag].fingerprint:
            waiting[key.dag][key.target_key].append(key)
        else:
            stale.append(key.id)
    known = known_of([condition_of(dag) for dag in dags], using)
    wanted: dict[tuple[str, str], tuple[NewRun, WaitingDag, list[WaitingKey]]] = {}
    for dag in dags:
        condition = condition_of(dag)
        if dag.is_stale or dag.bundle is None or condition is None:
            continue
        for target, group in waiting[dag.id].items():
            if _complete(condition, mappers[dag.id], target, group, known):
                date = _date(mappers[dag.id], target, group)
                run = new_run(dag, run_after=now, partition_key=target, partition_date=date)
                wanted[run.dag_id, run.run_id] = (run, dag, group)
    made = create_runs(runs=[run for run, _, _ in wanted.values()], now=now, using=using)
    if made or stale:
        taken = [(key.id, row) for name, row in made.items() for key in wanted[name][2]]
        asset_partitions.take_keys(taken=taken, stale=stale, using=using)
    return sorted({wanted[name][1].id for name in made})


def _keys(
    dag: WaitingDag, mappers: Mapping[UUID, Mappers], row: Queued, now: datetime, using: str
) -> list[NewKey]:
    """The runs of this DAG that the event is for; none, and a word in the event log, when it is for none."""
    if row.partition_key is None:
        about = f"listening_dags={[dag.dag_id]}, asset={row.name!r}"
        text = f"Listening Dags are partition-aware but the run has no partition key ({about})"
        _tell("missing partition key", text, row, now, using)
        return []
    mapper = mappers[dag.id].of(row.name, row.uri)
    try:
        targets = to_downstream(mapper, row.partition_key)
        if any(not target or len(target) > LONGEST_KEY for target in targets):
            raise PartitionInvalid(f"a key must have 1 to {LONGEST_KEY} characters")
    except PartitionInvalid as error:
        text = (
            f"Could not map partition_key '{row.partition_key}' for asset (name='{row.name}', uri='{row.uri}') "
            f"in target Dag '{dag.dag_id}'. This likely indicates that the partition mapper in the target Dag is "
            f"misconfigured or does not support this partition key.\n{error}"
        )
        _tell("failed to map partition_key", text, row, now, using)
        return []
    return [
        NewKey(
            dag=dag.id,
            asset=row.asset,
            event=row.event,
            source_key=row.partition_key,
            target_key=target,
            partition_date=row.partition_date if carries_date(mapper) else None,
            fingerprint=mappers[dag.id].fingerprint,
            at=row.at,
        )
        for target in dict.fromkeys(targets)
    ]


def _tell(event: str, text: str, row: Queued, now: datetime, using: str) -> None:
    record_event(
        event=event,
        owner=None,
        now=now,
        extra=text,
        using=using,
        dag_id=row.source_dag_id,
        task_id=row.source_task_id,
        run_id=row.source_run_id,
        map_index=row.source_map_index,
    )


def _complete(
    condition: Condition, mappers: Mappers, target: str, group: Sequence[WaitingKey], known: Known
) -> bool:
    sources: defaultdict[Key, set[str]] = defaultdict(set)
    for key in group:
        if key.is_active:
            sources[key.name, key.uri].add(key.source_key)
    received: set[Key] = set()
    for asset, came in sources.items():
        try:
            if is_received(mappers.of(*asset), target=target, sources=came):
                received.add(asset)
        except PartitionInvalid:
            continue  # as in Airflow it waits until the author changes the mapper
    return is_met(condition=condition, received=received, known=known)


def _date(mappers: Mappers, target: str, group: Sequence[WaitingKey]) -> datetime | None:
    """What the key itself says, if all that can read it agree; else what the emitting runs said, if they agree."""
    found: set[datetime] = set()
    try:
        for asset in {(key.name, key.uri) for key in group if key.is_active}:
            date = partition_date_of(mappers.of(*asset), target)
            if date is not None:
                found.add(date)
    except PartitionInvalid:
        return None
    if found:
        return found.pop() if len(found) == 1 else None
    carried: datetime | None = None
    for key in group:
        if key.partition_date is None or key.partition_date == carried:
            continue
        carried = key.partition_date if carried is None else None
    return carried
