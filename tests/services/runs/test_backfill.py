"""Backfills: which runs, in which order, how many at once; paused, bounded anew, cancelled, over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.backfill_dag_run import BackfillDagRun
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.backfill import (
    Asked,
    BackfillCompleted,
    BackfillRunning,
    BackfillUnknown,
    NoRunsToCreate,
    bound_backfill,
    cancel_backfill,
    create_backfill,
    pause_backfill,
    preview_backfill,
)
from controlplane.runs.delete import delete_dag
from controlplane.runs.trigger import DagUnknown
from domain.backfills import BackfillInvalid, RunTypeNotAllowed
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def _dag(tenant: Tenant, **fields: Any) -> Walk:
    values: dict[str, Any] = {"timetable": DAILY, "is_paused_upon_creation": False, **fields}
    parsed_dag(tenant, specs.dag("daily", values.pop("tasks", [specs.task("t")]), **values))
    return walk_for(tenant)


def _asked(days: int = 5, dag_id: str = "daily", **fields: Any) -> Asked:
    return Asked(dag_id=dag_id, from_date=FIRST, to_date=FIRST + timedelta(days=days - 1), **fields)


def _create(tenant: Tenant, asked: Asked) -> Backfill:
    with tenant_scope(tenant.id):
        return create_backfill(asked=asked, user="somebody", now=utc_now())


def _runs(tenant: Tenant, *columns: str) -> list[Any]:
    with tenant_scope(tenant.id):
        rows = DagRun.objects.order_by("backfill_ordinal")
        return list(rows.values_list(*columns, flat=len(columns) == 1))


def _days(tenant: Tenant, state: str) -> list[int]:
    with tenant_scope(tenant.id):
        rows = DagRun.objects.filter(state=state).order_by("logical_date")
        return [row.day for row in rows.values_list("logical_date", flat=True) if row]


def _row(tenant: Tenant) -> Backfill:
    with tenant_scope(tenant.id):
        return Backfill.objects.order_by("-serial")[0]


def test_all_runs_exist_at_once_and_begin_in_order_within_the_bound(tenant: Tenant) -> None:
    walk = _dag(tenant)
    backfill = _create(tenant, _asked(max_active_runs=2, conf={"a": 1}))
    assert backfill.serial == 1
    rows = _runs(tenant, "run_type", "state", "triggered_by", "conf", "run_id", "triggering_user_name")
    assert len(rows) == 5
    assert rows[0] == (
        "backfill", "queued", "backfill", {"a": 1}, "backfill__2026-01-02T00:00:00+00:00", "somebody",
    )  # fmt: skip
    walk.schedule()
    assert _days(tenant, "running") == [1, 2]
    first, second = walk.claim()
    assert walk.say(first, "success").verdict == "accepted"
    walk.schedule()
    assert _days(tenant, "running") == [2, 3], "the end of one begins the next"
    invariants.check(tenant)
    assert walk.say(second, "success").verdict == "accepted"
    walk.run_all()
    assert _days(tenant, "success") == [1, 2, 3, 4, 5]
    assert _row(tenant).completed_at is not None
    invariants.check(tenant, at_rest=True)


def test_backwards_begins_with_the_newest(tenant: Tenant) -> None:
    walk = _dag(tenant)
    _create(tenant, _asked(max_active_runs=2, backwards=True))
    walk.schedule()
    assert _days(tenant, "running") == [4, 5]


def test_it_takes_no_place_of_the_dags_own_runs(tenant: Tenant) -> None:
    """As in Airflow max_active_runs of the DAG and of the backfill are counted apart."""
    walk = _dag(tenant, max_active_runs=1)
    _create(tenant, _asked(max_active_runs=3))
    manual = walk.trigger("daily", run_id="mine")
    walk.schedule()
    assert _days(tenant, "running") == [1, 2, 3]
    assert walk.run_state(manual) == "running"
    late = walk.trigger("daily", run_id="late")
    walk.schedule()
    assert walk.run_state(late) == "queued", "the DAG's one place is taken"
    invariants.check(tenant)


def test_a_paused_dag_or_backfill_begins_nothing_and_goes_on_when_resumed(tenant: Tenant) -> None:
    walk = _dag(tenant)
    backfill = _create(tenant, _asked(max_active_runs=2))
    with tenant_scope(tenant.id):
        pause_backfill(serial=backfill.serial, is_paused=True, now=utc_now())
    walk.schedule()
    assert _days(tenant, "running") == []
    with tenant_scope(tenant.id):
        Dag.objects.update(is_paused=True)
        pause_backfill(serial=backfill.serial, is_paused=False, now=utc_now())
    walk.schedule()
    assert _days(tenant, "running") == []
    with tenant_scope(tenant.id):
        Dag.objects.update(is_paused=False)
        pause_backfill(serial=backfill.serial, is_paused=False, now=utc_now())
    walk.schedule()
    assert _days(tenant, "running") == [1, 2]


def test_its_bound_is_changed_while_it_runs(tenant: Tenant) -> None:
    walk = _dag(tenant)
    backfill = _create(tenant, _asked(max_active_runs=1))
    walk.schedule()
    assert _days(tenant, "running") == [1]
    with tenant_scope(tenant.id):
        bound_backfill(serial=backfill.serial, max_active_runs=3, now=utc_now())
    walk.schedule()
    assert _days(tenant, "running") == [1, 2, 3]
    with tenant_scope(tenant.id):
        bound_backfill(serial=backfill.serial, max_active_runs=1, now=utc_now())
    for work in walk.claim():
        assert walk.say(work, "success").verdict == "accepted"
        walk.schedule()
    assert _days(tenant, "running") == [4], "one after the three that ran are over"


def test_cancelled_it_fails_what_has_not_begun(tenant: Tenant) -> None:
    walk = _dag(tenant)
    backfill = _create(tenant, _asked(max_active_runs=2))
    walk.schedule()
    with tenant_scope(tenant.id):
        row = cancel_backfill(serial=backfill.serial, now=utc_now())
    assert (row.is_paused, row.completed_at is not None) == (True, True)
    assert (_days(tenant, "running"), _days(tenant, "failed")) == ([1, 2], [3, 4, 5])
    walk.run_all()
    assert (_days(tenant, "success"), _days(tenant, "failed")) == ([1, 2], [3, 4, 5])
    with tenant_scope(tenant.id):
        assert set(TaskInstance.objects.filter(dag_run__state="failed").values_list("state")) == {(None,)}
    invariants.check(tenant, at_rest=True)
    for change in (
        lambda: pause_backfill(serial=backfill.serial, is_paused=False, now=utc_now()),
        lambda: cancel_backfill(serial=backfill.serial, now=utc_now()),
    ):
        with tenant_scope(tenant.id), pytest.raises(BackfillCompleted, match="already completed"):
            change()
    _create(tenant, _asked(2, max_active_runs=1))


@pytest.mark.parametrize(
    ("reprocess", "again", "reasons"),
    [
        ("none", [], {1: "already exists", 2: "already exists", 3: "in flight"}),
        ("failed", [2], {1: "already exists", 3: "in flight"}),
        ("completed", [1, 2], {3: "in flight"}),
    ],
)
def test_runs_that_exist_are_run_again_as_asked(
    tenant: Tenant, reprocess: str, again: list[int], reasons: dict[int, str]
) -> None:
    walk = _dag(tenant)
    for day, state in ((1, "success"), (2, "failed"), (3, None)):
        date = FIRST + timedelta(days=day - 1)
        walk.trigger("daily", run_id=f"old-{day}", logical_date=date, run_after=date)
        walk.schedule()
        [work] = walk.claim()
        if state:
            assert walk.say(work, state).verdict == "accepted"
            walk.schedule()
    with tenant_scope(tenant.id):
        seen = preview_backfill(asked=_asked(reprocess=reprocess), now=utc_now())
        assert DagRun.objects.count() == 3, "nothing is changed by looking"
    assert [run.logical_date.day for run in seen.runs if run.logical_date] == sorted([*again, 4, 5])
    _create(tenant, _asked(reprocess=reprocess, conf={"again": True}))
    with tenant_scope(tenant.id):
        told = BackfillDagRun.objects.order_by("sort_ordinal").values_list(
            "sort_ordinal", "exception_reason", "dag_run__run_id"
        )
        for ordinal, reason, run_id in told:
            assert reason == reasons.get(ordinal)
            assert (run_id is None) == (ordinal in reasons)
            assert (run_id == f"old-{ordinal}") == (ordinal in again)
        mine = DagRun.objects.filter(run_type="backfill").exclude(backfill_id=None)
        assert sorted(row.logical_date.day for row in mine if row.logical_date) == sorted([*again, 4, 5])
        assert {row.conf["again"] for row in mine if row.conf} == {True}
    invariants.check(tenant)
    walk.run_all()
    assert _days(tenant, "success") == sorted({1, *again, 4, 5})
    assert _row(tenant).completed_at is not None


def test_a_range_of_which_everything_exists_is_completed_at_once(tenant: Tenant) -> None:
    walk = _dag(tenant)
    walk.trigger("daily", run_id="old", logical_date=FIRST, run_after=FIRST)
    walk.run_all()
    _create(tenant, _asked(1))
    walk.schedule()
    assert _row(tenant).completed_at is not None


def test_one_at_a_time_for_a_dag(tenant: Tenant) -> None:
    _dag(tenant)
    _create(tenant, _asked())
    with pytest.raises(BackfillRunning):
        _create(tenant, _asked())


@pytest.mark.parametrize(
    ("fields", "asked", "error", "said"),
    [
        (
            {"timetable": {"kind": "null", "summary": "", "description": ""}},
            {},
            BackfillInvalid,
            "non-periodic",
        ),
        ({"allowed_run_types": ["manual"]}, {}, RunTypeNotAllowed, "does not allow backfill"),
        ({}, {"days": -3}, BackfillInvalid, "must not be after"),
        (
            {"tasks": [specs.task("t", depends_on_past=True)]},
            {"backwards": True},
            BackfillInvalid,
            "in reverse",
        ),
        ({"tasks": [specs.task("t", depends_on_past=True)]}, {}, BackfillInvalid, "must set reprocess"),
        ({}, {"dag_id": "other"}, DagUnknown, "other"),
    ],
)
def test_refused_as_airflow_refuses(
    tenant: Tenant, fields: dict[str, Any], asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    _dag(tenant, **fields)
    with pytest.raises(error, match=said):
        _create(tenant, _asked(**asked))
    with tenant_scope(tenant.id), pytest.raises(error, match=said):
        preview_backfill(asked=_asked(**asked), now=utc_now())
    with tenant_scope(tenant.id):
        assert not Backfill.objects.exists()


def test_the_future_and_what_is_not_complete_are_left_out(tenant: Tenant) -> None:
    _dag(tenant)
    now = datetime(2026, 1, 3, 12, tzinfo=UTC)
    with tenant_scope(tenant.id):
        seen = preview_backfill(asked=_asked(9), now=now)
        assert [run.run_after.day for run in seen.runs] == [2, 3]
        future = Asked(dag_id="daily", from_date=now + timedelta(days=1), to_date=now + timedelta(days=2))
        with pytest.raises(BackfillInvalid, match="future dates"):
            preview_backfill(asked=future, now=now)
        with pytest.raises(NoRunsToCreate):
            create_backfill(
                asked=Asked(dag_id="daily", from_date=FIRST, to_date=FIRST),
                user=None,
                now=FIRST + timedelta(hours=1),
            )


def test_partitions_are_backfilled_by_their_keys(tenant: Tenant) -> None:
    walk = _dag(tenant, timetable={**DAILY, "kind": "partition_cron", "timezone": "Europe/Berlin"})
    _create(tenant, _asked(2, max_active_runs=1))
    assert _runs(tenant, "partition_key", "logical_date", "partition_date") == [
        ("2026-01-01T00:00:00", None, datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("2026-01-02T00:00:00", None, datetime(2026, 1, 1, 23, tzinfo=UTC)),
    ]
    walk.run_all()
    assert _runs(tenant, "state") == ["success", "success"]
    _create(tenant, _asked(2, reprocess="completed"))
    assert len(_runs(tenant, "state")) == 4, "a partition is run anew beside its old run"


def test_how_long_it_takes_is_told_from_history(tenant: Tenant) -> None:
    walk = _dag(tenant)
    with tenant_scope(tenant.id):
        seen = preview_backfill(asked=_asked(max_active_runs=2), now=utc_now())
    assert (len(seen.runs), seen.average_seconds, seen.predicted_seconds) == (5, None, None)
    run = walk.trigger("daily", run_id="old")
    walk.run_all()
    with tenant_scope(tenant.id):
        ended = utc_now()
        DagRun.objects.filter(id=run.id).update(start_date=ended - timedelta(seconds=60), end_date=ended)
        seen = preview_backfill(asked=_asked(max_active_runs=2), now=utc_now())
    assert (seen.average_seconds, seen.predicted_seconds) == (60.0, 180.0)


def test_its_tasks_come_after_everybody_elses(tenant: Tenant) -> None:
    """Whatever their weight: by weight alone they would go first."""
    walk = _dag(tenant, tasks=[specs.task("heavy", priority_weight=100)])
    parsed_dag(tenant, specs.dag("own", [specs.task("low", priority_weight=1)]))
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(max_active_tasks=2)
    _create(tenant, _asked(max_active_runs=5))
    for number in range(2):
        walk.trigger("own", run_id=f"own-{number}")
    walk.schedule()
    assert {work.task.ti["dag_id"] for work in walk.claim() if work.task} == {"own"}


def test_it_holds_no_more_than_its_share_and_says_so(tenant: Tenant) -> None:
    walk = _dag(tenant)
    parsed_dag(tenant, specs.dag("own", [specs.task("t")]))
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(max_active_tasks=8, settings={"backfill_share": 0.25})
    _create(tenant, _asked(max_active_runs=5))
    walk.schedule()
    assert len(walk.claim()) == 2, "a quarter of eight places"
    with tenant_scope(tenant.id):
        held = set(TaskInstance.objects.filter(state="scheduled").values_list("held_reason", flat=True))
    assert len(held) == 1
    assert str(held.pop()).startswith("backfill_share: ")
    walk.trigger("own", run_id="own")
    walk.schedule()
    assert [work.task.ti["dag_id"] for work in walk.claim() if work.task] == ["own"]
    invariants.check(tenant)


def test_a_share_of_nothing_still_moves(tenant: Tenant) -> None:
    walk = _dag(tenant)
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(settings={"backfill_share": 0})
    _create(tenant, _asked(2))
    walk.run_all()
    assert _days(tenant, "success") == [1, 2]


def test_a_stranger_finds_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    _dag(tenant)
    backfill = _create(tenant, _asked())
    for change in (
        lambda: pause_backfill(serial=backfill.serial, is_paused=True, now=utc_now()),
        lambda: cancel_backfill(serial=backfill.serial, now=utc_now()),
        lambda: bound_backfill(serial=backfill.serial, max_active_runs=9, now=utc_now()),
    ):
        with tenant_scope(other_tenant.id), pytest.raises(BackfillUnknown):
            change()
    with pytest.raises(DagUnknown):
        _create(other_tenant, _asked())
    assert _row(tenant).is_paused is False


@pytest.mark.parametrize("latest", [True, False])
def test_runs_that_exist_run_again_on_the_newest_version_or_their_own(tenant: Tenant, latest: bool) -> None:
    walk = _dag(tenant)
    old = walk.trigger("daily", run_id="old", logical_date=FIRST, run_after=FIRST)
    walk.run_all()
    _dag(tenant, tasks=[specs.task("t"), specs.task("new")])
    _create(tenant, _asked(1, reprocess="completed", latest=latest))
    walk.run_all()
    assert walk.states(old) == ({"t": "success", "new": "success"} if latest else {"t": "success"})
    assert _row(tenant).completed_at is not None
    invariants.check(tenant, at_rest=True)


def test_a_backfill_of_tasks_that_wait_for_their_past_goes_through_in_order(tenant: Tenant) -> None:
    """As in Airflow its first run waits for nothing, and each other one for the run before it."""
    walk = _dag(tenant, tasks=[specs.task("t", depends_on_past=True)])
    _create(tenant, _asked(3, reprocess="failed", max_active_runs=3))
    walk.schedule()
    works = walk.claim()
    begun = [work.task.ti["run_id"] for work in works if work.task]
    assert begun == ["backfill__2026-01-02T00:00:00+00:00"]
    assert walk.say(works[0], "success").verdict == "accepted"
    walk.run_all()
    assert _days(tenant, "success") == [1, 2, 3]


def test_a_deleted_dag_takes_its_backfills_along(tenant: Tenant) -> None:
    walk = _dag(tenant)
    _create(tenant, _asked(2))
    parsed_dag(tenant, specs.dag("other", [specs.task("t")], timetable=DAILY))
    other = _create(tenant, _asked(2, dag_id="other"))
    with tenant_scope(tenant.id):
        delete_dag(dag_id="daily")
        assert list(Backfill.objects.values_list("id", flat=True)) == [other.id]
        assert BackfillDagRun.objects.count() == 2
    _dag(tenant)
    _create(tenant, _asked(2))
    walk.run_all()
    assert _row(tenant).completed_at is not None
