"""Usage adds up to the row: every attempt that held a worker is one row, and the sums are those of the rows."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from api.agent.wiring import ITEM_HANDLERS
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.attempt_usage import AttemptUsage
from controlplane.ledger.models.budget import Budget
from controlplane.ledger.models.budget_burn import BudgetBurn
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.usage_day import UsageDay
from controlplane.ledger.models.usage_month import UsageMonth
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload as Row
from controlplane.maintenance.budgets import burn_budgets, cost_micros
from controlplane.maintenance.measured import put_measured
from controlplane.maintenance.usage import count_usage, usage_due
from controlplane.maintenance.usage_read import usage
from controlplane.runs.clear import clear_run
from controlplane.scheduler.work import work_for
from taskwire.agent import Operation, Report
from taskwire.workload import Workload
from tenants.limits.change import put_plan
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.hands import mark
from tests.support.scene import scene
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db
SUMS = ("task_us", "cpu_us", "memory_mib_us")
PAUSE = {"classpath": "a.Trigger", "trigger_kwargs": {}, "next_method": "go"}


def _from_scratch(tenant: Tenant) -> tuple[Counter[tuple[object, ...]], Counter[tuple[object, ...]]]:
    """(day, dag, task, what) -> sum, and the same by month, row by row in Python."""
    days: Counter[tuple[object, ...]] = Counter()
    months: Counter[tuple[object, ...]] = Counter()
    with tenant_scope(tenant.id):
        for row in AttemptUsage.objects.all():
            day = row.ended_at.astimezone(UTC).date()
            for name, value in [("attempts", int(row.kind == "held")), *((n, getattr(row, n)) for n in SUMS)]:
                days[day, row.dag_id, row.task_id, name] += value
                months[day.replace(day=1), name] += value
    return days, months


def _kept(tenant: Tenant) -> tuple[Counter[tuple[object, ...]], Counter[tuple[object, ...]]]:
    days: Counter[tuple[object, ...]] = Counter()
    months: Counter[tuple[object, ...]] = Counter()
    with tenant_scope(tenant.id):
        for day in UsageDay.objects.all():
            for name in ("attempts", *SUMS):
                days[day.day, day.dag_id, day.task_id, name] += getattr(day, name)
        for month in UsageMonth.objects.all():
            for name in ("attempts", *SUMS):
                months[month.month, name] += getattr(month, name)
    return days, months


class Claims:
    """What the test itself saw: each claim that reached an agent, by (task instance, epoch)."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.begun: dict[tuple[UUID, int], datetime] = {}

    def take(self, walk: Walk, batch: int = 1000) -> list[Workload]:
        works = walk.claim(batch=batch)
        with tenant_scope(self.tenant.id):
            for row in Row.objects.filter(kind="task", agent_id__isnull=False):
                assert row.claimed_at is not None
                self.begun[row.ref, row.epoch] = row.claimed_at
        return works


def test_the_sums_are_those_of_the_rows_with_all_that_happens_to_tasks(tenant: Tenant) -> None:
    """Retries, deferrals, reschedules, mapped tasks, clears, marks and lost agents; counted while it goes on."""
    chance = random.Random(33)
    each = {"is_mapped": True, "expand": {"kind": "literal", "length": 5}}
    for name in ("one", "two"):
        parts = [
            specs.task("first", "each", retries=3, retry_delay_seconds=0.0),
            specs.task("each", "last", retries=2, retry_delay_seconds=0.0, **each),
            specs.task("last"),
        ]
        parsed_dag(tenant, specs.dag(name, parts))
    walk, claims = walk_for(tenant), Claims(tenant)
    runs = [walk.trigger(name, run_id=f"r{n}") for n in range(3) for name in ("one", "two")]
    running: list[Workload] = []
    seen: Counter[str] = Counter()
    for turn in range(60):
        walk.schedule()
        running += claims.take(walk, batch=chance.choice([2, 9]))
        chance.shuffle(running)
        for work in [running.pop() for _ in range(chance.randint(0, len(running)))]:
            state = chance.choice(
                ["success", "success", "failed", "up_for_retry", "deferred", "up_for_reschedule"]
            )
            if state == "up_for_retry" and not work.task.ti_context["should_retry"]:
                state = "failed"
            more = PAUSE if state == "deferred" and turn < 40 else {}
            if state == "deferred" and not more:
                state = "success"
            if state == "up_for_reschedule":
                more = {"reschedule_date": utc_now().isoformat()}
            walk.say(work, state, **more)
            seen[state] += 1
        if turn in (15, 30):
            run = chance.choice(runs)
            with tenant_scope(tenant.id):
                run.refresh_from_db()
                clear_run(run=run, by="somebody", now=utc_now())
        if turn % 9 == 0:
            with tenant_scope(tenant.id):
                count_usage(using="default")
    for work in running:
        walk.say(work, "success")
    assert min(seen[state] for state in ("success", "failed", "up_for_retry", "deferred")) > 0, seen
    with tenant_scope(tenant.id):
        held = list(AttemptUsage.objects.filter(kind="held"))
        left = set(Row.objects.filter(kind="task", agent_id__isnull=False).values_list("ref", "epoch"))
    assert left == set(), "nobody holds a worker any more"
    assert sorted((row.task_instance_id, row.epoch) for row in held) == sorted(claims.begun), "each once"
    for row in held:
        assert row.started_at == claims.begun[row.task_instance_id, row.epoch]
        assert row.task_us == round((row.ended_at - row.started_at) / timedelta(microseconds=1))
    with tenant_scope(tenant.id):
        before = usage(first=_first(), last=_next(), by="total", prices={})
        count_usage(using="default")
        assert count_usage(using="default") == 0
        assert usage(first=_first(), last=_next(), by="total", prices={}) == before, (
            "counting changes no answer"
        )
    assert _kept(tenant) == _from_scratch(tenant)


def test_counting_after_a_commit_that_came_late(tenant: Tenant) -> None:
    """Rows are marked, not passed by: one whose id is older than what is counted is not forgotten."""
    it = scene(tenant, specs.task("only"))
    it.begin().end("only", "success")
    with tenant_scope(tenant.id):
        [row] = AttemptUsage.objects.all()
        count_usage(using="default")
        AttemptUsage.objects.create(
            id=UUID(int=row.id.int - 1),
            tenant=tenant,
            **{
                f: getattr(row, f)
                for f in ("kind", "task_instance_id", "epoch", "dag_id", "run_id", "task_id")
            },
            **{f: getattr(row, f) for f in ("map_index", "try_number", "started_at", "ended_at")},
            task_us=5,
        )
        assert count_usage(using="default") == 1
    assert _kept(tenant) == _from_scratch(tenant)


def test_an_attempt_that_was_marked_counts_until_its_process_has_ended(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only"))
    order = it.begin().start("only")["only"]
    mark(it, "success", "only")
    with tenant_scope(tenant.id):
        assert not AttemptUsage.objects.exists(), "its process is still there"
    it.walk.say(order, "failed")
    with tenant_scope(tenant.id):
        [row] = AttemptUsage.objects.all()
        assert (row.task_id, row.epoch) == ("only", order.epoch)


def test_who_gives_a_task_back_before_it_began_pays_nothing(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only"))
    order = it.begin().start("only")["only"]
    it.walk.report(
        Report(
            id=order.id,
            tenant_id=str(tenant.id),
            epoch=order.epoch,
            operations=[Operation(kind="handed_back")],
        )
    )
    with tenant_scope(tenant.id):
        assert not AttemptUsage.objects.exists()


def test_usage_outlives_its_run_and_is_asked_for_once(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("one"), specs.task("two"))
    it.begin().end("one", "success")
    it.end("two", "success")
    assert it.items("usage") == [("usage", None)]
    with tenant_scope(tenant.id):
        usage_due(ref=None, now=utc_now(), using="default")
        it.run_row().delete()
        assert AttemptUsage.objects.count() == 2
        assert UsageMonth.objects.get().attempts == 2


def test_the_scheduler_counts_when_it_is_due(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only"))
    it.begin().end("only", "success")
    with tenant_scope(tenant.id):
        WorkItem.objects.filter(kind="usage").update(due_at=utc_now() - timedelta(seconds=1))
    leases = it.walk.leases
    assert leases.take(tenant.id)
    work_for(tenant_id=tenant.id, leases=leases, executor=LocalExecutor(), handlers=ITEM_HANDLERS)
    with tenant_scope(tenant.id):
        assert UsageDay.objects.get().attempts == 1
        assert not WorkItem.objects.filter(kind="usage").exists()


def test_what_agents_measure_counts_once(tenant: Tenant, other_tenant: Tenant) -> None:
    it = scene(tenant, specs.task("only"), specs.task("two")).begin()
    order = it.start("only")["only"]
    it.walk.say(order, "success")
    mine = (str(tenant.id), order.id, order.epoch, 1.5, 512 * 2**20, 4.0)
    wrong = [
        (str(other_tenant.id), order.id, order.epoch, 1.0, 1, 1.0),
        (str(tenant.id), order.id, order.epoch + 1, 1.0, 1, 1.0),
        (str(tenant.id), "x", 1, 1.0, 1, 1.0),
        (str(tenant.id), order.id, order.epoch, float("nan"), 1, 1.0),
        (str(tenant.id), order.id, order.epoch, -1.0, 1, 1.0),
        (str(tenant.id), order.id, order.epoch, 1.0, 2**63, 1.0),
    ]
    assert put_measured(rows=[*wrong, mine]) == 1
    assert put_measured(rows=[mine]) == 0, "told again"
    with tenant_scope(tenant.id):
        count_usage(using="default")
        assert put_measured(rows=[mine]) == 0, "and again when it is counted"
        [row] = AttemptUsage.objects.filter(kind="measured")
        assert (row.task_us, row.cpu_us, row.peak_bytes, row.memory_mib_us) == (
            0,
            1_500_000,
            2**29,
            512 * 4_000_000,
        )
        day = UsageDay.objects.get()
        assert (day.attempts, day.cpu_us, day.memory_mib_us) == (1, 1_500_000, 512 * 4_000_000)
    assert _kept(tenant) == _from_scratch(tenant)


def test_budgets_burn_once_per_threshold_and_month(tenant: Tenant) -> None:
    put_plan(
        name="paid",
        title="",
        limits={},
        prices={"task_hour": 3_600_000_000},
        is_default=True,
        by="op",
        now=utc_now(),
    )
    it = scene(tenant, specs.task("only"))
    it.begin().end("only", "success")
    with tenant_scope(tenant.id):
        AttemptUsage.objects.update(task_us=60_000_000)  # 60 s at one unit a second
        for dag_id, amount in (("", 100_000_000), ("scene", 10_000_000), ("other", 1)):
            Budget.objects.create(
                tenant=tenant,
                dag_id=dag_id,
                amount_micros=amount,
                thresholds=[50, 80, 100],
                changed_at=utc_now(),
                changed_by="somebody",
            )
        assert burn_budgets(now=utc_now(), using="default") == 4
        assert burn_budgets(now=utc_now(), using="default") == 0
        burns = BudgetBurn.objects.order_by("dag_id", "threshold")
        assert [(b.dag_id, b.threshold, b.spent_micros) for b in burns] == [
            ("", 50, 60_000_000),
            ("scene", 50, 60_000_000),
            ("scene", 80, 60_000_000),
            ("scene", 100, 60_000_000),
        ]


def test_cost_is_exact_and_rounded_once() -> None:
    prices = {"task_hour": 1, "cpu_hour": 7, "memory_gib_hour": 100}
    assert cost_micros(prices=prices, task_us=1_799_999_999) == 0
    assert cost_micros(prices=prices, task_us=1_800_000_000) == 1
    assert cost_micros(prices=prices, cpu_us=3_600_000_000, memory_mib_us=512 * 3_600_000_000) == 57
    assert cost_micros(prices={"storage_gib_month": 30}, storage_byte_days=2**30) == 1


def test_what_is_counted_costs_no_statement(tenant: Tenant) -> None:
    """The statements of an end are as many as before: its row is part of the one that ends it."""
    it = scene(tenant, specs.task("only"))
    it.begin().start("only")
    with tenant_scope(tenant.id):
        rows = execute("ledger/sql/finish_tasks.sql", **_said(it.row("only")))
    assert len(rows) == 1
    with tenant_scope(tenant.id):
        assert AttemptUsage.objects.count() == 1


def _said(row: TaskInstance) -> dict[str, object]:
    nothing = [None]
    return {
        "ids": [row.id],
        "epochs": [row.epoch],
        "states": ["success"],
        "ended": [utc_now()],
        "now": utc_now(),
        **dict.fromkeys(("due", "labels", "died", "methods", "kwargs", "reasons"), nothing),
    }


def _first() -> date:
    return utc_now().date().replace(day=1)


def _next() -> date:
    return (_first() + timedelta(days=32)).replace(day=1)
