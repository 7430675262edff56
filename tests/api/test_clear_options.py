"""Each option of clearing and marking: what it changes for who may, and that nobody else gets to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.ledger.models.dag_run import DagRun
from tenants.models.tenant import Tenant
from tests.support import invariants, specs
from tests.support.actors import Actor
from tests.support.factories import parsed_dag
from tests.support.hands import finish
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db

TASKS = [specs.task("first", "middle"), specs.task("middle", "last"), specs.task("last")]
DAYS = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
CLEAR = "/dags/scene/clearTaskInstances"
ALL = ("first", "middle", "last")
FAILED = ("middle", "last")


class Past:
    """Three dated runs of one DAG: the first succeeded, the second failed in the middle, the third runs there."""

    def __init__(self, it: Scene) -> None:
        self.it, walk = it, it.walk
        finish(it)
        self.runs: list[DagRun] = []
        for middle in ("success", "failed"):
            self.runs.append(walk.trigger("scene", logical_date=DAYS[len(self.runs)]))
            finish(it, middle=middle)
        self.runs.append(walk.trigger("scene", logical_date=DAYS[2]))
        walk.schedule()
        [work] = walk.claim()
        walk.say(work, "success")
        walk.schedule()
        assert len(walk.claim()) == 1
        self.ids = [run.run_id for run in self.runs]

    def facts(self) -> list[tuple[Any, ...]]:
        return [
            (self.it.walk.run_state(run), self.it.walk.instance(run, task).epoch)
            for run in self.runs
            for task in ALL
        ]

    def named(self, answer: Any) -> dict[int, tuple[str, ...]]:
        """Place of the run -> its tasks in the answer."""
        found: dict[int, tuple[str, ...]] = {}
        for one in answer["task_instances"]:
            at = self.ids.index(one["dag_run_id"])
            found[at] = (*found.get(at, ()), one["task_id"])
        return found


@pytest.fixture
def past(tenant: Tenant) -> Past:
    return Past(scene(tenant, *TASKS))


def _refused(past: Past, call: Callable[[Any], Any], viewer: Actor, stranger: Actor) -> None:
    """Who may only look hears 403, a stranger 404 at this tenant and at their own; nothing has changed."""
    before = past.facts()
    assert call(viewer.v2()).status == 403
    assert call(stranger.v2(at=past.it.tenant)).status == 404
    assert call(stranger.v2()).status == 404
    assert past.facts() == before


@pytest.mark.parametrize(
    ("run", "options", "cleared"),
    [
        (1, {}, {1: FAILED}),
        (1, {"only_failed": False}, {1: ALL}),
        (2, {"only_failed": False, "only_running": True}, {2: ("middle",)}),
        (1, {"task_ids": ["middle"]}, {1: ("middle",)}),
        (1, {"task_ids": [["last", -1], "middle"]}, {1: FAILED}),
        (1, {"task_ids": ["middle"], "include_upstream": True, "only_failed": False}, {1: ("first", "middle")}),
        (1, {"task_ids": ["middle"], "include_downstream": True}, {1: FAILED}),
        (1, {"include_past": True, "only_failed": False, "task_ids": ["first"]}, {0: ("first",), 1: ("first",)}),
        (1, {"include_future": True, "only_failed": False, "task_ids": ["first"]}, {1: ("first",), 2: ("first",)}),
        (None, {"start_date": DAYS[1].isoformat(), "only_failed": False, "task_ids": ["last"]},
         {1: ("last",), 2: ("last",)}),
        (None, {"end_date": DAYS[1].isoformat(), "only_failed": False, "task_ids": ["last"]},
         {0: ("last",), 1: ("last",)}),
        (None, {"start_date": DAYS[0].isoformat(), "end_date": DAYS[1].isoformat()}, {1: FAILED}),
        (None, {"end_date": (DAYS[0] - timedelta(days=1)).isoformat()}, {}),
    ],
    ids=["failed", "all", "running", "task", "index", "upstream", "downstream", "past", "future", "start", "end",
         "range", "none"],
)  # fmt: skip
def test_which_are_cleared(
    past: Past, member: Actor, viewer: Actor, stranger: Actor, run: int | None,
    options: dict[str, Any], cleared: dict[int, tuple[str, ...]],
) -> None:  # fmt: skip
    """Asked first, which changes nothing, then done: the same ones."""
    body = {**options, **({} if run is None else {"dag_run_id": past.ids[run]})}
    _refused(past, lambda door: door.post(CLEAR, {**body, "dry_run": False}), viewer, stranger)
    before = past.facts()
    dry = member.v2().post(CLEAR, body)
    assert (past.named(dry), dry["total_entries"]) == (cleared, sum(map(len, cleared.values())))
    assert past.facts() == before, "a question is no deed"
    done = member.v2().post(CLEAR, {**body, "dry_run": False})
    assert past.named(done) == cleared
    for one in done["task_instances"]:
        was_running = (past.ids.index(one["dag_run_id"]), one["task_id"]) == (2, "middle")
        assert one["state"] == ("restarting" if was_running else None)
    over = {at for at in cleared if at != 2}
    states = [past.it.walk.run_state(run) for run in past.runs]
    assert states == [
        "queued" if at in over else was for at, was in enumerate(["success", "failed", "running"])
    ]
    invariants.check(past.it.tenant)


@pytest.mark.parametrize("reset", [True, False])
def test_whether_runs_begin_again(
    past: Past, member: Actor, viewer: Actor, stranger: Actor, reset: bool
) -> None:
    body = {"dag_run_id": past.ids[1], "dry_run": False, "reset_dag_runs": reset}
    _refused(past, lambda door: door.post(CLEAR, body), viewer, stranger)
    assert past.named(member.v2().post(CLEAR, body)) == {1: FAILED}
    run = member.v2().get(f"/dags/scene/dagRuns/{past.ids[1]}")
    assert (run["state"], run["queued_at"] is not None) == ("queued" if reset else "failed", True)


@pytest.mark.parametrize("latest", [True, False, None])
def test_the_code_it_runs_is_told_of_each_try(
    past: Past, member: Actor, viewer: Actor, stranger: Actor, latest: bool | None
) -> None:
    """With the newest version or with the one it had, which is the default; earlier tries keep theirs."""
    parsed_dag(past.it.tenant, specs.dag("scene", [*TASKS, specs.task("added")]))
    body = {"dag_run_id": past.ids[1], "dry_run": False, "run_on_latest_version": latest}
    _refused(past, lambda door: door.post(CLEAR, body), viewer, stranger)
    member.v2().post(CLEAR, body)
    finish(past.it)
    path = f"/dags/scene/dagRuns/{past.ids[1]}/taskInstances"
    tries = member.v2().get(f"{path}/middle/tries")["task_instances"]
    told = [(one["try_number"], one["state"], one["dag_version"]["version_number"]) for one in tries]
    assert told == [(1, "failed", 1), (2, "success", 2 if latest else 1)]
    assert member.v2().get(f"{path}/middle/tries/1")["dag_version"]["version_number"] == 1
    names = {one["task_id"] for one in member.v2().get(path)["task_instances"]}
    assert ("added" in names) is bool(latest)
    assert stranger.v2(at=past.it.tenant).get(f"{path}/middle/tries").status == 404
    assert viewer.v2().get(f"{path}/middle/tries").status == 200


def test_a_running_task_can_be_left_alone(past: Past, member: Actor, viewer: Actor, stranger: Actor) -> None:
    body = {"dag_run_id": past.ids[2], "dry_run": False, "only_failed": False, "prevent_running_task": True}
    _refused(past, lambda door: door.post(CLEAR, body), viewer, stranger)
    before = past.facts()
    assert member.v2().post(CLEAR, body).status == 409
    assert past.facts() == before


def test_a_note_is_written_to_each(past: Past, member: Actor, viewer: Actor, stranger: Actor) -> None:
    body = {"dag_run_id": past.ids[1], "dry_run": False, "note": "the source was late"}
    _refused(past, lambda door: door.post(CLEAR, body), viewer, stranger)
    done = member.v2().post(CLEAR, body)
    assert [one["note"] for one in done["task_instances"]] == ["the source was late"] * 2


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ({}, [None, None, None]),
        ({"only_failed": True}, ["success", None, None]),
        ({"run_on_latest_version": True}, [None, None, None]),
        ({"only_new": True}, ["success", "failed", "upstream_failed"]),
    ],
    ids=["all", "failed", "latest", "new"],
)
def test_a_whole_run(
    past: Past,
    member: Actor,
    viewer: Actor,
    stranger: Actor,
    options: dict[str, Any],
    states: list[str | None],
) -> None:
    parsed_dag(past.it.tenant, specs.dag("scene", [*TASKS, specs.task("added")]))
    path = f"/dags/scene/dagRuns/{past.ids[1]}/clear"
    body = {**options, "dry_run": False, "note": "again"}
    _refused(past, lambda door: door.post(path, body), viewer, stranger)
    before = past.facts()
    member.v2().post(path, options)
    assert past.facts() == before, "a question is no deed"
    run = member.v2().post(path, body)
    assert (run["state"], run["note"], run["start_date"], run["end_date"]) == ("queued", "again", None, None)
    found = past.it.walk.states(past.runs[1])
    assert [found[name] for name in ALL] == states
    assert ("added" in found) is bool({"only_new", "run_on_latest_version"} & set(options))
    invariants.check(past.it.tenant)


@pytest.mark.parametrize(
    ("options", "marked"),
    [
        ({}, {1: ("middle",)}),
        ({"include_upstream": True}, {1: ("first", "middle")}),
        ({"include_downstream": True}, {1: FAILED}),
        ({"include_past": True}, {0: ("middle",), 1: ("middle",)}),
        ({"include_future": True}, {1: ("middle",), 2: ("middle",)}),
    ],
    ids=["one", "upstream", "downstream", "past", "future"],
)
def test_which_are_marked(
    past: Past, member: Actor, viewer: Actor, stranger: Actor, options: dict[str, Any],
    marked: dict[int, tuple[str, ...]],
) -> None:  # fmt: skip
    path = f"/dags/scene/dagRuns/{past.ids[1]}/taskInstances/middle"
    body = {"new_state": "skipped", **options}
    for more in ("", "/dry_run"):
        _refused(past, lambda door, more=more: door.patch(path + more, body), viewer, stranger)
    before = past.facts()
    assert past.named(member.v2().patch(f"{path}/dry_run", body)) == marked
    assert past.facts() == before, "a question is no deed"
    answer = member.v2().patch(path, body)
    assert past.named(answer) == {1: ("middle",)}, "Airflow's answer names the task that was asked for"
    for at, names in marked.items():
        states = past.it.walk.states(past.runs[at])
        assert {states[name] for name in names} == {"skipped"}
    # As in Airflow, a run that is over stays as it ended, unless something that failed below runs again.
    invariants.check(past.it.tenant, said={past.ids[1]})


@pytest.mark.parametrize("state", ["success", "failed", "queued"])
def test_a_run_is_marked(past: Past, member: Actor, viewer: Actor, stranger: Actor, state: str) -> None:
    path = f"/dags/scene/dagRuns/{past.ids[2]}"
    body = {"state": state, "note": "by hand"}
    _refused(past, lambda door: door.patch(path, body), viewer, stranger)
    run = member.v2().patch(path, body)
    assert (run["state"], run["note"]) == (state, "by hand")
    running = {"success": "success", "failed": "failed", "queued": "running"}[state]
    waiting = None if state == "queued" else "skipped"
    assert past.it.walk.states(past.runs[2]) == {"first": "success", "middle": running, "last": waiting}
    invariants.check(past.it.tenant, said={past.ids[2]})


def test_what_is_deleted(past: Past, member: Actor, viewer: Actor, stranger: Actor) -> None:
    instance = f"/dags/scene/dagRuns/{past.ids[1]}/taskInstances/last"
    run = f"/dags/scene/dagRuns/{past.ids[0]}"
    for path in (instance, run):
        _refused(past, lambda door, path=path: door.delete(path), viewer, stranger)
    gone = member.v2().delete(instance)
    assert (gone.status, gone.body) == (200, None)
    assert member.v2().delete(instance).status == 404
    assert (member.v2().delete(run).status, member.v2().delete(run).status) == (204, 404)
    busy = member.v2().delete(f"/dags/scene/dagRuns/{past.ids[2]}")
    assert (busy.status, "cannot be deleted in running state" in busy["detail"]) == (409, True)
    invariants.check(past.it.tenant, said={past.ids[1]})
