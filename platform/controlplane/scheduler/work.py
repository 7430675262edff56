"""One transaction of work for one tenant: take what is due, do it, admit, dispatch, commit.

Before: this scheduler holds the tenant's lease. After: due items are gone and done, or nothing happened.
A crash at any point rolls back, and the items are still there for the next scheduler.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import OperationalError, transaction

from controlplane.executors.contract import Executor
from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import ORDERS, execute, notify
from controlplane.ledger import transitions
from controlplane.ledger.deferral import time_out_input, wake_triggers
from controlplane.ledger.endings import stop_rest, time_out_runs
from controlplane.ledger.external import lose_silent
from controlplane.ledger.transitions import RunOver
from controlplane.runs.assets import plan_assets
from controlplane.runs.plan import plan_due
from controlplane.scheduler.admit import admit_and_dispatch
from controlplane.scheduler.lease import Leases
from controlplane.scheduler.promote import start_runs
from controlplane.scheduler.propagate import look_back, propagate
from controlplane.scheduler.revive import revive
from domain.ids import CANARY_RUN
from tenants.scope import tenant_scope

log = structlog.get_logger("scheduler")

ITEMS = 1000
TRY_AGAIN_SECONDS = 15.0

Handlers = Mapping[str, Callable[..., None]]
"""Work of other stations by item kind (`parse`, `build`): called with (ref, now, using), handed in by the door."""


@dataclass(slots=True)
class Round:
    """What one transaction did, for logs, tests and the decision to go on at once."""

    items: int = 0
    runs_over: list[RunOver] = field(default_factory=list)
    dispatched: int = 0
    held: int = 0
    more: bool = False


def work_for(
    *,
    tenant_id: UUID,
    leases: Leases,
    executor: Executor,
    handlers: Handlers,
    tell_rest: bool = True,
    using: str = "scheduler",
) -> Round:
    """Do the tenant's due work. Raises LeaseLost when the lease went to another scheduler.

    `tell_rest`: see `scheduler.admit.admit_and_dispatch`.
    """
    done = Round()
    with tenant_scope(tenant_id, using=using):
        now = leases.check(tenant_id)
        crashpoint("scheduler.work.after_lease")
        rows = execute("ledger/sql/take_items.sql", using=using, tenant=tenant_id, now=now, batch=ITEMS)
        items: defaultdict[str, list[UUID]] = defaultdict(list)
        for kind, ref in rows:
            items[kind].append(ref)
        done.items = len(rows)
        _work(items, now, done, using)
        for kind, handle in handlers.items():
            for ref in items[kind]:
                _hand_over(kind, ref, handle, now, using)
        admitted = admit_and_dispatch(now=now, using=using, tell_rest=tell_rest)
        done.dispatched, done.held = len(admitted.dispatched), admitted.held
        if admitted.dispatched:
            executor.wake(using=using)
        if any(items[kind] for kind in handlers):
            notify(ORDERS, using=using)
        done.more = done.more or admitted.more or len(rows) >= ITEMS or bool(done.runs_over)
        crashpoint("scheduler.work.before_commit")
    crashpoint("scheduler.work.after_commit")
    return done


def _hand_over(kind: str, ref: UUID, handle: Callable[..., None], now: datetime, using: str) -> None:
    """Another station's work, in a savepoint: when it fails, the tenant's tasks go on and it is tried later."""
    try:
        with transaction.atomic(using=using):
            handle(ref=ref, now=now, using=using)
    except OperationalError:
        raise
    except Exception:
        log.exception("scheduler.item_failed", kind=kind, ref=str(ref))
        transitions.add_items(items=[(kind, ref, now + timedelta(seconds=TRY_AGAIN_SECONDS))], using=using)


def _work(items: defaultdict[str, list[UUID]], now: datetime, done: Round, using: str) -> None:
    """Each kind in the order in which one feeds the next."""
    if items["wake"] and wake_triggers(ids=items["wake"], now=now, using=using):
        done.more = True
    if items["input"]:
        time_out_input(ids=items["input"], now=now, using=using)
    # What a failure stops ends before the failure goes downstream, as in Airflow.
    stopped = stop_rest(failed=items["stop"], now=now, using=using) if items["stop"] else []
    if items["finished"] or stopped:
        done.runs_over += propagate(ended=[*items["finished"], *stopped], now=now, using=using)
    if items["silent"] and lose_silent(ids=items["silent"], now=now, using=using):
        done.more = True
    if items["timeout"]:
        late = time_out_runs(runs=items["timeout"], now=now, using=using)
        done.runs_over += propagate(ended=late, now=now, using=using)
    if items["revive"]:
        done.runs_over += revive(runs=items["revive"], now=now, using=using)
    if changed := items["past"] + items["revive"]:
        done.runs_over += look_back(runs=changed, now=now, using=using)
    if items["due"]:
        transitions.promote_due(ids=items["due"], now=now, using=using)
    startable = items["start_runs"] + items["hours"]
    if items["plan"]:
        startable += plan_due(dags=items["plan"], now=now, using=using)
    waiting = list(items["assets"])
    if done.runs_over:
        freed = execute(
            "scheduler/sql/read_dags.sql",
            using=using,
            dag_ids=sorted({r.dag_id for r in done.runs_over}),
            now=now,
        )
        startable += [row[0] for row in freed]
        # Runs that waited for a free place: only DAGs whose next run is due already.
        startable += plan_due(dags=[row[0] for row in freed if row[1]], now=now, using=using)
        waiting += [row[0] for row in freed if row[2]]
    if waiting:
        startable += plan_assets(dags=waiting, now=now, using=using)
    if startable:
        done.runs_over += start_runs(dags=startable, now=now, using=using)
    if any(run.run_id.startswith(CANARY_RUN) for run in done.runs_over):
        transitions.add_items(items=[("canary", None, now)], using=using)
