"""Which ready tasks may go to a worker now, and why each of the others may not.

Called by `scheduler/admit.py` with one tenant's ready tasks and the counts of what runs; its answer is
written in one statement, the reasons included, so that people see why a task waits.

The limits are Airflow 3.3.2's (`SchedulerJobRunner._executable_task_instances_to_queued`): pools with slots,
`max_active_tasks` per DAG *run*, `max_active_tis_per_dag`, `max_active_tis_per_dagrun`, executor slots. As
there, a task that needs more slots than are free is overtaken by smaller ones behind it. Unlike there, a
full pool or run never hides the tasks of another: every ready task is looked at on its own.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
R = TypeVar("R", bound=Hashable)

_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ReadyTask(Generic[K, R]):
    """A scheduled task instance. `None` limits are no limits. `run_id` names the run across all DAGs."""

    id: K
    dag_id: str
    run_id: R
    task_id: str
    map_index: int = -1
    priority_weight: int = 1
    logical_date: datetime | None = None
    pool: str = "default_pool"
    pool_slots: int = 1
    max_active_tasks: int | None = None
    max_active_tis_per_dag: int | None = None
    max_active_tis_per_dagrun: int | None = None
    executor: str | None = None
    yields: bool = False
    """Part of a backfill: comes after everything else, and has a share of the tenant's quota."""
    queue: str = "default"
    is_served: bool = True
    """Whether an agent that lives takes work from its queue."""
    is_known: bool = True
    """Whether the DAG version of its run has this task."""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A pool and how much of it is taken. `slots` -1 is without end. Counts are slots, not tasks.

    `occupied` is what queued and running tasks hold, `deferred` what deferred ones would: it counts only
    when the pool says `include_deferred`.
    """

    slots: int
    occupied: int = 0
    deferred: int = 0
    include_deferred: bool = False
    per_minute: int | None = None
    """At most so many tasks begin in any 60 seconds."""
    begun: int = 0
    """How many began in the last 60 seconds, and how many are queued to."""

    @property
    def starts_free(self) -> int | None:
        """How many more may begin; `None` when nothing bounds that."""
        return None if self.per_minute is None else max(0, self.per_minute - self.begun)

    @property
    def free(self) -> int | None:
        """Slots left, never below 0; `None` when there is no end to them."""
        if self.slots == -1:
            return None
        return max(0, self.slots - self.occupied - (self.deferred if self.include_deferred else 0))


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that are not of a task or a pool.

    `batch` bounds how many one call admits. `executor_free` maps an executor's name to its free slots; one
    that is not named there has no limit.
    """

    batch: int | None = None
    executor_free: Mapping[str | None, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HeldReason:
    """Why a task waits. `code` is stable and for programs, `sentence` is for people."""

    code: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"


@dataclass(frozen=True, slots=True)
class Admission(Generic[K]):
    """Ids that may go, in the order they were granted, and all the others with their reason."""

    admitted: list[K]
    held: dict[K, HeldReason]


def order_ready(ready: Sequence[ReadyTask[K, R]]) -> list[ReadyTask[K, R]]:
    """Airflow's order: greatest weight, then earliest logical date (none comes last), then map index; those that
    yield after all others.

    Equal ones stay as given: pass them in the order they became ready.
    """
    return sorted(ready, key=lambda t: (t.yields, -t.priority_weight, t.logical_date or _LAST, t.map_index))


def admit(
    *,
    ready: Sequence[ReadyTask[K, R]],
    pools: Mapping[str, PoolUse],
    run_active: Mapping[R, int],
    task_active: Mapping[tuple[str, str], int],
    run_task_active: Mapping[tuple[R, str], int],
    tenant_free: int | None = None,
    yielding_free: int | None = None,
    limits: Limits | None = None,
) -> Admission[K]:
    """Admit what fits, in priority order; hold the rest, each with the first limit that stops it.

    `run_active` counts queued and running tasks per run; `task_active` per (DAG id, task id) and
    `run_task_active` per (run, task id) count those and the deferred and input-awaiting ones. `tenant_free`
    is how many more tasks the tenant may have queued or running, `yielding_free` how many of them may be of
    backfills; `None` is no limit. Every ready task is in
    exactly one of the answer's two parts.
    """
    ledger = _Ledger(pools, run_active, task_active, run_task_active, tenant_free, limits or Limits())
    ledger.yielding_free = yielding_free
    admitted: list[K] = []
    held: dict[K, HeldReason] = {}
    for task in order_ready(ready):
        reason = ledger.refuse(task)
        if reason is None:
            ledger.take(task)
            admitted.append(task.id)
        else:
            held[task.id] = reason
    return Admission(admitted, held)


class _Ledger(Generic[R]):
    """What is left of every limit while one call goes through the ready tasks."""

    def __init__(
        self,
        pools: Mapping[str, PoolUse],
        run_active: Mapping[R, int],
        task_active: Mapping[tuple[str, str], int],
        run_task_active: Mapping[tuple[R, str], int],
        tenant_free: int | None,
        limits: Limits,
    ) -> None:
        self.pools = pools
        self.pool_free = {name: use.free for name, use in pools.items()}
        self.starts_free = {
            name: use.starts_free for name, use in pools.items() if use.per_minute is not None
        }
        self.run_active = dict(run_active)
        self.task_active = dict(task_active)
        self.run_task_active = dict(run_task_active)
        self.executor_free = dict(limits.executor_free)
        self.tenant_free = tenant_free
        self.yielding_free: int | None = None
        self.batch = limits.batch

    def refuse(self, task: ReadyTask[K, R]) -> HeldReason | None:
        """The first limit in the way, the narrowest named before the widest; `None` when there is none."""
        return (
            self._refuse_hopeless(task)
            or self._refuse_pool(task)
            or self._refuse_active(task)
            or self._refuse_wide(task)
        )

    def _refuse_hopeless(self, task: ReadyTask[K, R]) -> HeldReason | None:
        """What no free place would help: it would be queued for ever."""
        if not task.is_known:
            return HeldReason(
                "task_unknown",
                f"the DAG version of this run has no task '{task.task_id}'; clear the run with the latest version",
            )
        if not task.is_served:
            return HeldReason(
                "queue_unserved",
                f"no agent takes work from queue '{task.queue}'; start one that does, or give the task another queue",
            )
        return None

    def _refuse_pool(self, task: ReadyTask[K, R]) -> HeldReason | None:
        name, need = task.pool, task.pool_slots
        pool = self.pools.get(name)
        if pool is None:
            return HeldReason(
                "pool_unknown", f"pool '{name}' does not exist; create it or give the task another pool"
            )
        if self.starts_free.get(name) == 0:
            return HeldReason(
                "pool_paced", f"pool '{name}' lets at most {pool.per_minute} tasks begin in any 60 seconds"
            )
        free = self.pool_free[name]
        if free is None:
            return None
        if need > pool.slots:
            return HeldReason(
                "pool_too_small",
                f"pool '{name}' has {pool.slots} slots in all; this task needs {need} and waits until the "
                "pool grows",
            )
        # Airflow takes a task of 0 slots only while the pool has any free.
        if need > free or free == 0:
            return HeldReason(
                "pool_full", f"pool '{name}' has {free} of {pool.slots} slots free; this task needs {need}"
            )
        return None

    def _refuse_active(self, task: ReadyTask[K, R]) -> HeldReason | None:
        limit, active = task.max_active_tasks, self.run_active.get(task.run_id, 0)
        if limit is not None and active >= limit:
            return HeldReason(
                "run_full", f"{active} tasks of this run are queued or running; max_active_tasks is {limit}"
            )
        limit, active = task.max_active_tis_per_dag, self.task_active.get((task.dag_id, task.task_id), 0)
        if limit is not None and active >= limit:
            return HeldReason(
                "task_full",
                f"{active} instances of task '{task.task_id}' are active in all runs of the DAG; "
                f"max_active_tis_per_dag is {limit}",
            )
        limit = task.max_active_tis_per_dagrun
        active = self.run_task_active.get((task.run_id, task.task_id), 0)
        if limit is not None and active >= limit:
            return HeldReason(
                "run_task_full",
                f"{active} instances of task '{task.task_id}' are active in this run; "
                f"max_active_tis_per_dagrun is {limit}",
            )
        return None

    def _refuse_wide(self, task: ReadyTask[K, R]) -> HeldReason | None:
        if self.tenant_free is not None and self.tenant_free <= 0:
            return HeldReason("tenant_full", "the tenant runs as many tasks as its quota allows")
        if task.yields and self.yielding_free is not None and self.yielding_free <= 0:
            return HeldReason(
                "backfill_share",
                "backfills hold their whole share of the tenant's quota; scheduled runs go on",
            )
        if self.executor_free.get(task.executor, 1) <= 0:
            name = f"executor '{task.executor}'" if task.executor else "the executor"
            return HeldReason("executor_full", f"{name} has no slot free")
        if self.batch is not None and self.batch <= 0:
            return HeldReason("batch_full", "the scheduler takes this task with its next batch")
        return None

    def take(self, task: ReadyTask[K, R]) -> None:
        """Count an admitted task against every limit it falls under."""
        free = self.pool_free[task.pool]
        if free is not None:
            self.pool_free[task.pool] = free - task.pool_slots
        starts = self.starts_free.get(task.pool)
        if starts is not None:
            self.starts_free[task.pool] = starts - 1
        by_dag, by_run = (task.dag_id, task.task_id), (task.run_id, task.task_id)
        self.run_active[task.run_id] = self.run_active.get(task.run_id, 0) + 1
        self.task_active[by_dag] = self.task_active.get(by_dag, 0) + 1
        self.run_task_active[by_run] = self.run_task_active.get(by_run, 0) + 1
        if task.executor in self.executor_free:
            self.executor_free[task.executor] -= 1
        if self.tenant_free is not None:
            self.tenant_free -= 1
        if task.yields and self.yielding_free is not None:
            self.yielding_free -= 1
        if self.batch is not None:
            self.batch -= 1
