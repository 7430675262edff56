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
from uuid import UUID

from controlplane.ledger import assets
from controlplane.ledger.assets import Queued, WaitingDag
from controlplane.ledger.transitions import NewRun, add_items, create_runs
from controlplane.runs.asset_waits import condition_of, kind_of, known_of, may_run, new_run
from controlplane.runs.partitions import plan_partitions
from domain.assets import is_met

MOST_QUEUED = 10_000
"""Queued events of one DAG that one round reads; the oldest of each asset are enough for its condition."""

PARTITIONED = "partition_asset"
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
    partitioned = [dag for dag in locked if kind_of(dag) == PARTITIONED]
    begun = plan_partitions(dags=partitioned, queue=queue, now=now, using=using) if partitioned else []
    whole = [dag for dag in locked if kind_of(dag) in KINDS and queue[dag.id]]
    return begun + (_plan(whole, queue, now, using) if whole else [])


def waits(dag: WaitingDag) -> bool:
    """Whether the DAG's current version waits for assets at all."""
    return condition_of(dag) is not None and kind_of(dag) in KINDS | {PARTITIONED}


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
