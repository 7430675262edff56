"""Assets ask for runs: a DAG whose condition its queued events meet gets one, with the events it consumes.

A `work_item` of kind `assets` names each DAG that an event was queued for; nobody looks at the others. Called
by the scheduler for those items and when a run's end frees a place. Before: inside the tenant's scope, with its
lease. As in Airflow: a paused or broken DAG, and one with as many runs as it may have, keeps what is queued and
looks again when that is over; runs of assets have no logical date and no data interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.ledger import assets
from controlplane.ledger.assets import Queued, WaitingDag
from controlplane.ledger.transitions import NewRun, add_items, create_runs
from domain.assets import Condition, Known, is_met, leaves
from domain.ids import random_suffix, run_id_for

MOST_QUEUED = 10_000
"""Queued events of one DAG that one round reads; the oldest of each asset are enough for its condition."""

KINDS = frozenset({"asset", "asset_or_time"})
"""Timetables whose runs are asked for by the condition as a whole."""


def plan_assets(*, dags: Sequence[UUID], now: datetime, using: str) -> list[UUID]:
    """Create the runs that queued events ask of these DAGs; returns the DAGs whose runs may start."""
    wanted = sorted(set(dags))
    if not wanted:
        return []
    locked = assets.lock_waiting_dags(dags=wanted, using=using)
    queue: defaultdict[UUID, list[Queued]] = defaultdict(list)
    for row in assets.read_queue(dags=wanted, most=MOST_QUEUED, using=using):
        queue[row.dag].append(row)
    forgotten = [row.id for dag in locked if not waits(dag) for row in queue[dag.id]]
    if forgotten:
        assets.drop_queue(queued=forgotten, using=using)
    locked = [dag for dag in locked if waits(dag)]
    return _plan([dag for dag in locked if queue[dag.id]], queue, now, using)


def waits(dag: WaitingDag) -> bool:
    """Whether the DAG's current version waits for assets at all."""
    return condition_of(dag) is not None and _kind(dag) in KINDS


def may_run(dag: WaitingDag) -> bool:
    """Whether the DAG may have one run more now."""
    return (
        not dag.is_paused
        and not dag.is_stale
        and not dag.has_import_errors
        and dag.bundle is not None
        and dag.taken < dag.max_active_runs
    )


def condition_of(dag: WaitingDag) -> Condition | None:
    """What the DAG waits for."""
    condition = (dag.timetable or {}).get("condition")
    return condition if isinstance(condition, Mapping) else None


def known_of(conditions: Sequence[Condition | None], using: str) -> Known:
    """What aliases and references in these conditions mean just now; asks nothing when there are none."""
    aliases: set[str] = set()
    names: set[str] = set()
    uris: set[str] = set()
    for condition in conditions:
        for leaf in leaves(condition):
            if leaf.get("type") == "alias":
                aliases.add(str(leaf.get("name")))
            elif leaf.get("type") == "ref":
                (names if leaf.get("name") else uris).add(str(leaf.get("name") or leaf.get("uri")))
    if not (aliases or names or uris):
        return Known()
    found: dict[str, Any] = {"alias": defaultdict(set), "name": {}, "uri": {}}
    for kind, asked, name, uri in assets.resolve_names(
        aliases=sorted(aliases), names=sorted(names), uris=sorted(uris), using=using
    ):
        if kind == "alias":
            found["alias"][asked].add((name, uri))
        else:
            found[kind][asked] = (name, uri)
    return Known(aliases=found["alias"], names=found["name"], uris=found["uri"])


def new_run(
    dag: WaitingDag,
    *,
    run_after: datetime,
    partition_key: str | None = None,
    partition_date: datetime | None = None,
) -> NewRun:
    """A run that assets ask for, of the DAG's current version."""
    assert dag.version is not None and dag.bundle is not None
    return NewRun(
        dag_id=dag.dag_id,
        run_id=run_id_for(run_type="asset_triggered", run_after=run_after, suffix=random_suffix()),
        run_type="asset_triggered",
        logical_date=None,
        interval_start=None,
        interval_end=None,
        run_after=run_after,
        conf=None,
        triggered_by="asset",
        user=None,
        note=None,
        partition_key=partition_key,
        partition_date=partition_date,
        dag_version=dag.version,
        bundle_version=dag.bundle,
        runtime_digest=dag.runtime_digest,
    )


def _kind(dag: WaitingDag) -> str:
    return str((dag.timetable or {}).get("kind"))


def _plan(
    dags: list[WaitingDag], queue: Mapping[UUID, list[Queued]], now: datetime, using: str
) -> list[UUID]:
    ready = [dag for dag in dags if may_run(dag)]
    known = known_of([condition_of(dag) for dag in ready], using)
    wanted: dict[tuple[str, str], tuple[WaitingDag, NewRun]] = {}
    for dag in ready:
        rows = queue[dag.id]
        condition = condition_of(dag)
        assert condition is not None
        if is_met(condition=condition, received={(row.name, row.uri) for row in rows}, known=known):
            run = new_run(dag, run_after=rows[-1].at)
            wanted[run.dag_id, run.run_id] = (dag, run)
    made = create_runs(runs=[run for _, run in wanted.values()], now=now, using=using)
    begun = [(wanted[key][0], row, wanted[key][1].run_after) for key, row in made.items()]
    served = {dag.id for dag, _, _ in begun}
    between = [row for dag in dags if dag.id not in served for row in _between(queue[dag.id])]
    if between:
        assets.drop_queue(queued=between, using=using)
    if not begun:
        return []
    taken = [row.id for dag, _, _ in begun for row in queue[dag.id]]
    assets.consume_events(runs=begun, queued=taken, using=using)
    # An instant that is ahead of this clock: the run starts when it is reached.
    later = [("start_runs", dag.id, at) for dag, _, at in begun if at > now]
    if later:
        add_items(items=list(later), using=using)
    return [dag.id for dag, _, _ in begun]


def _between(rows: Sequence[Queued]) -> list[UUID]:
    """Rows that say nothing new while the DAG goes on waiting: neither the first nor the last of their asset."""
    first: dict[UUID, UUID] = {}
    last: dict[UUID, UUID] = {}
    for row in rows:
        first.setdefault(row.asset, row.id)
        last[row.asset] = row.id
    kept = {*first.values(), *last.values()}
    return [row.id for row in rows if row.id not in kept]
