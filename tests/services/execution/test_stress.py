"""Reporters, a claimer, a rescuer and a scheduler on one tenant at once: no deadlock, and the books balance."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import Empty, Queue
from random import Random
from typing import Any

import pytest
from django.db import connections

from api.agent import work as door
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.maintenance.rescue import rescue_lost
from controlplane.runs.pause import set_paused
from controlplane.scheduler.loop import SchedulerLoop
from taskwire.agent import Operation, Report, ReportBatch
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

RUNS = 24
SECONDS = 30.0


def _dag() -> dict[str, Any]:
    """Two branches that skip the same tasks, in other orders, while other upstreams of those end."""
    middle = [f"m{n}" for n in range(4)]
    return specs.dag(
        "busy",
        [
            specs.task("a", *middle),
            specs.task("b", *middle),
            specs.task("c", *middle),
            *[specs.task(m, "end", trigger_rule="one_success", retries=1) for m in middle],
            specs.task("each", "end", is_mapped=True, expand={"kind": "literal", "length": 3}),
            specs.task("end", trigger_rule="all_done"),
        ],
        max_active_runs=6,
        max_active_tasks=50,
        timetable={"kind": "cron", "expression": "* * * * *", "summary": "", "description": ""},
        start_date="2026-01-01T00:00:00+00:00",
    )


class Crew:
    """Threads that go on until told to stop; the first error of any ends all."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def add(self, act: Callable[[], None]) -> None:
        def forever() -> None:
            try:
                while not self.stop.is_set():
                    act()
            except BaseException as error:
                self.errors.append(error)
                self.stop.set()
            finally:
                connections.close_all()

        self._threads.append(threading.Thread(target=forever, daemon=True))

    def run(self, until: Callable[[], bool]) -> None:
        for thread in self._threads:
            thread.start()
        limit = time.monotonic() + SECONDS
        while not self.stop.is_set() and not until():
            assert time.monotonic() < limit, "the runs never ended"
        self.stop.set()
        for thread in self._threads:
            thread.join(10)
        if self.errors:
            raise self.errors[0]


def _report(work: Workload, random: Random) -> Report:
    assert work.task is not None
    task_id = work.task.ti["task_id"]
    push = Operation(kind="xcom_set", body={"key": "k", "value": random.random()})
    label = Operation(kind="rendered_map_index", body={"rendered_map_index": "x"})
    fields = Operation(kind="rendered_fields", body={"rendered_fields": {"a": 1}})
    states = ["success", "success", "failed"]
    if work.task.ti_context["should_retry"]:
        states.append("up_for_retry")
    operations = [push, label, fields]
    if task_id in ("a", "b", "c"):
        tasks = random.sample([f"m{n}" for n in range(4)], 3)
        operations.append(Operation(kind="skip_downstream", body={"tasks": tasks}))
    state = {"state": random.choice(states), "retry_delay_seconds": 0}
    return Report(
        id=work.id,
        tenant_id=work.tenant_id,
        epoch=work.epoch,
        operations=[*operations, Operation(kind="state", body=state)],
    )


def _deadlocks(superuser: Any) -> int:
    with superuser.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_nobody_deadlocks_and_the_books_balance(tenant: Tenant, superuser: Any) -> None:
    parsed_dag(tenant, _dag())
    walk: Walk = walk_for(tenant)
    runs = [walk.trigger("busy", run_id=f"run-{n}") for n in range(RUNS)]
    before = _deadlocks(superuser)
    queue: Queue[Workload] = Queue()
    verdicts: list[str] = []
    scheduler = SchedulerLoop(executor=LocalExecutor(), handlers={})
    scheduler_lock = threading.Lock()

    def schedule() -> None:
        with scheduler_lock:
            scheduler.run_once(set())

    def claim() -> None:
        for one in walk.claim(batch=5):
            queue.put(one)

    def reporter(seed: int) -> Callable[[], None]:
        random = Random(seed)

        def report() -> None:
            batch = []
            while len(batch) < 6:
                try:
                    batch.append(queue.get(timeout=0.02))
                except Empty:
                    break
            random.shuffle(batch)
            message = ReportBatch(agent_id="", epoch=1, reports=[_report(one, random) for one in batch])
            verdicts.extend(v.verdict for v in door.report_batch(message).verdicts)

        return report

    def rescue() -> None:
        rescue_lost(now=utc_now(), give_up={})

    def pause_and_resume() -> None:
        for is_paused in (True, False):
            with tenant_scope(tenant.id):
                set_paused(dag_id="busy", is_paused=is_paused, now=utc_now())

    crew = Crew()
    crew.add(schedule)
    crew.add(claim)
    for seed in range(3):
        crew.add(reporter(seed))
    crew.add(rescue)
    crew.add(pause_and_resume)
    crew.run(until=lambda: all(walk.run_state(run) in {"success", "failed"} for run in runs))
    assert set(verdicts) == {"accepted"}
    assert _deadlocks(superuser) == before
    invariants.check(tenant)
