"""defer_tasks.sql, resume_tasks.sql, end_deferred.sql, start_deferred.sql and the answers': each moves only who waits."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _defer(it: Scene, task_id: str = "only", **more: Any) -> dict[str, Any]:
    row = it.row(task_id)
    none: dict[str, Any] = {
        "queues": [None],
        "timeouts": [None],
        "wakes": [None],
        "events": [None],
        "ends": [None],
        "starts": [False],
        "classpaths": ["own.Waits"],
        "kwargs": ["{}"],
    }
    return {"ids": [row.id], "epochs": [row.epoch], **none, **more, "now": utc_now()}


def _resume(it: Scene, **more: Any) -> dict[str, Any]:
    row = it.row("only")
    said = {"ids": [row.id], "epochs": [row.epoch], "events": ["1"], "methods": [None], "kwargs": [None]}
    return {**said, **more, "now": utc_now()}


def _waiting(tenant: Tenant) -> Scene:
    it = scene(tenant).begin()
    it.end("only", "deferred")
    it.forget_items()
    it.execute("defer_tasks", **_defer(it))
    return it


def test_only_a_task_that_is_deferred_under_this_epoch_gets_a_trigger(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    assert it.execute("defer_tasks", **_defer(it)) == []
    assert it.without("defer_tasks", "WHERE ti.state = 'deferred'", **_defer(it))
    it.end("only", "deferred")
    epoch = it.row("only").epoch
    assert it.execute("defer_tasks", **_defer(it, epochs=[epoch - 1])) == []
    assert it.without("defer_tasks", "AND ti.epoch = s.epoch", **_defer(it, epochs=[epoch - 1]))
    assert it.execute("defer_tasks", **_defer(it)) == [(it.row("only").id, False)]
    assert it.workloads() == [(it.row("only").id, epoch)]


def test_only_a_task_that_waits_is_resumed_and_once(tenant: Tenant) -> None:
    it = _waiting(tenant)
    epoch = it.row("only").epoch
    assert it.execute("resume_tasks", **_resume(it, epochs=[epoch + 1])) == []
    assert it.execute("resume_tasks", **_resume(it)) == [(it.row("only").id, epoch)]
    assert (it.row("only").state, it.workloads(), it.items("admit")) == ("scheduled", [], [("admit", None)])
    assert it.execute("resume_tasks", **_resume(it)) == []
    guard = "AND ti.state = 'deferred'"
    assert it.without("resume_tasks", guard, **_resume(it))


def test_the_first_of_two_words_counts(tenant: Tenant) -> None:
    it = _waiting(tenant)
    row = it.row("only")
    twice = {
        "ids": [row.id] * 2,
        "epochs": [row.epoch] * 2,
        "events": ['"first"', '"second"'],
        "methods": [None] * 2,
        "kwargs": [None] * 2,
    }
    it.execute("resume_tasks", **_resume(it, **twice))
    assert it.row("only").next_kwargs == {"event": "first"}


def test_only_a_task_that_waits_is_ended(tenant: Tenant) -> None:
    it = _waiting(tenant)
    row = it.row("only")
    said = {"ids": [row.id], "epochs": [row.epoch], "states": ["success"], "due": [None], "now": utc_now()}
    assert it.execute("end_deferred", **{**said, "epochs": [row.epoch + 1]}) == []
    assert it.execute("end_deferred", **said) == [(row.id, row.epoch)]
    assert it.execute("end_deferred", **said) == []
    assert it.without("end_deferred", "AND ti.state = 'deferred'", **said)
    assert it.items("finished") == [("finished", row.id)]


def test_only_a_scheduled_task_that_was_not_resumed_begins_in_its_trigger(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    said = {"ids": [it.row("only").id], "methods": ["resumed"], "kwargs": ["{}"], "now": utc_now()}
    assert it.execute("start_deferred", **said) == [(it.row("only").id, 1)]
    assert it.execute("start_deferred", **said) == []
    it.execute("resume_tasks", **_resume(it))
    assert it.row("only").state == "scheduled"
    assert it.execute("start_deferred", **said) == []
    assert it.without("start_deferred", "AND next_method IS NULL", **said)


def test_nobody_answers_for_a_task_that_does_not_ask(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    ids = {"ids": [it.row("only").id], "now": utc_now()}
    for file in ("resume_answered", "default_answers", "fail_unanswered"):
        assert it.execute(file, **ids) == []
    assert it.row("only").state == "scheduled"


def test_a_task_that_waits_for_a_person_fails_only_when_it_is_late(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    it.end("only", "awaiting_input")
    early = {"ids": [it.row("only").id], "now": it.row("only").scheduled_at}
    assert it.execute("fail_unanswered", **early) == []
    assert it.without("fail_unanswered", "AND ti.due_at <= %(now)s::timestamptz", **early)
    assert it.execute("fail_unanswered", **{**early, "now": utc_now()})


def test_a_stranger_moves_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _waiting(tenant), scene(other_tenant).begin()
    row = it.row("only")
    assert other.execute("resume_tasks", **_resume(it)) == []
    assert other.execute("defer_tasks", **_defer(it)) == []
    ended = {"ids": [row.id], "epochs": [row.epoch], "states": ["success"], "due": [None], "now": utc_now()}
    assert other.execute("end_deferred", **ended) == []
    started = {"ids": [row.id], "methods": ["m"], "kwargs": ["{}"], "now": utc_now()}
    assert other.execute("start_deferred", **started) == []
    assert it.states() == {"only": "deferred"}
    assert len(it.workloads()) == 1


def test_a_branch_that_skips_a_deferred_task_stops_its_trigger(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("branch"), specs.task("only")).begin()
    it.end("only", "deferred")
    it.execute("defer_tasks", **_defer(it))
    it.start("branch")
    branch = it.row("branch")
    it.execute(
        "skip_tasks",
        ids=[branch.id],
        epochs=[branch.epoch],
        task_ids=["only"],
        map_indexes=[None],
        now=utc_now(),
    )
    assert it.states()["only"] == "skipped"
    assert [ref for ref, _ in it.workloads()] == [branch.id]
