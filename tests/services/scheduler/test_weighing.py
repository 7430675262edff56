"""Tasks that read what is above them, through the whole control plane: also when they are cleared and run again."""

from __future__ import annotations

from typing import Any

import pytest

from taskwire.agent import Operation
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tests.support import invariants, specs
from tests.support.hands import clear
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db
GROUP = [{"group_id": "g", "is_mapped": True, "expand": {"kind": "xcom", "task_id": "list"}}]


def _run(it: Scene, *, length: int = 0, ends: dict[str, str] | None = None, left: Any = None) -> None:
    """Run on. Tasks called `list` return `length` elements; those named in `left` leave that of a branch."""

    def outcome(work: Workload) -> tuple[str, list[Operation]]:
        assert work.task is not None
        task_id, index = work.task.ti["task_id"], work.task.ti["map_index"]
        said: list[Operation] = []
        if task_id == "list":
            value = {"key": "return_value", "value": [0] * length, "mapped_length": length}
            said.append(Operation(kind="xcom_set", body=value))
        if left and task_id in left:
            said.append(Operation(kind="xcom_set", body={"key": "skipmixin_key", "value": left[task_id]}))
            skipped = left[task_id].get("skipped", [])
            if skipped:
                said.append(Operation(kind="skip_downstream", body={"tasks": skipped}))
        return (ends or {}).get(task_id if index < 0 else f"{task_id}[{index}]", "success"), said

    it.walk.run_all(outcome)
    invariants.check(it.tenant, at_rest=True)


def _grouped(tenant: Tenant) -> Scene:
    inside = {"group_id": "g", "mapped_group_ids": ["g"]}
    return scene(
        tenant,
        specs.task("list", "a"),
        specs.task("a", "b", **inside),
        specs.task("b", "end", **inside),
        specs.task("end", trigger_rule="all_done"),
        groups=GROUP,
    )


def test_each_index_has_its_own_upstream(tenant: Tenant) -> None:
    it = _grouped(tenant)
    _run(it, length=3, ends={"a[1]": "failed"})
    assert it.states() == {
        "list": "success", "end": "success",
        "a[0]": "success", "a[1]": "failed", "a[2]": "success",
        "b[0]": "success", "b[1]": "upstream_failed", "b[2]": "success",
    }  # fmt: skip


def test_an_index_goes_on_while_another_still_runs(tenant: Tenant) -> None:
    it = _grouped(tenant)
    it.walk.schedule()
    (first,) = it.walk.claim()
    value = {"key": "return_value", "value": [0, 0], "mapped_length": 2}
    it.walk.say(first, "success", Operation(kind="xcom_set", body=value))
    it.walk.schedule()
    works = {w.task.ti["map_index"]: w for w in it.walk.claim() if w.task}
    it.walk.say(works[1], "success")
    it.walk.schedule()
    states = it.states()
    assert (states["a[0]"], states["b[0]"], states["b[1]"]) == ("running", None, "queued")


def test_nothing_to_map_over_skips_the_group(tenant: Tenant) -> None:
    it = _grouped(tenant)
    _run(it, length=0)
    assert it.states() == {"list": "success", "a": "skipped", "b": "skipped", "end": "success"}


def test_a_shorter_list_removes_indexes_and_a_longer_one_adds(tenant: Tenant) -> None:
    it = _grouped(tenant)
    _run(it, length=3)
    clear(it)
    _run(it, length=2)
    states = it.states()
    assert [states[f"{name}[{n}]"] for name in "ab" for n in range(3)] == [
        "success",
        "success",
        "removed",
    ] * 2
    assert "has only 2 elements" in (it.row("a", 2).note or "")
    assert (it.run_row().state, states["end"]) == ("success", "success")
    clear(it)
    _run(it, length=4)
    assert [it.states()[f"b[{n}]"] for n in range(4)] == ["success"] * 4
    assert it.run_row().state == "success"


def test_what_a_branch_left_out_stays_skipped_when_it_is_cleared(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("branch", "taken", "left", "always", can_skip_downstream=True),
        specs.task("taken"),
        specs.task("left"),
        specs.task("always", trigger_rule="always"),
    )
    told = {"branch": {"skipped": ["left", "always"]}}
    _run(it, left=told)
    # `always` does not wait for the branch: it may have begun before.
    before = {"branch": "success", "taken": "success", "left": "skipped"}
    assert {name: it.states()[name] for name in before} == before
    clear(it, "left", "always", "taken")
    _run(it)
    assert it.states() == {**before, "always": "skipped"}
    clear(it, "branch")
    _run(it, left={"branch": {"followed": ["left", "taken", "always"]}})
    clear(it, "left", "always")
    _run(it)
    assert set(it.states().values()) == {"success"}, "the branch chose otherwise this time"


def _scoped(tenant: Tenant, **teardown: Any) -> Scene:
    return scene(
        tenant,
        specs.task("up", "work", "down", is_setup=True),
        specs.task("work", "more"),
        specs.task("more", "down"),
        specs.task("down", is_teardown=True, trigger_rule="all_done_setup_success", **teardown),
    )


@pytest.mark.parametrize(
    ("ends", "expected", "state"),
    [
        ({}, ["success", "success", "success", "success"], "success"),
        ({"up": "failed"}, ["failed", "upstream_failed", "upstream_failed", "upstream_failed"], "failed"),
        ({"up": "skipped"}, ["skipped", "skipped", "skipped", "skipped"], "success"),
        ({"work": "failed"}, ["success", "failed", "upstream_failed", "success"], "failed"),
        ({"down": "failed"}, ["success", "success", "success", "failed"], "success"),
    ],
)
def test_a_teardown_runs_when_its_setup_did(
    tenant: Tenant, ends: dict[str, str], expected: list[str], state: str
) -> None:
    it = _scoped(tenant)
    _run(it, ends=ends)
    assert [it.states()[name] for name in ("up", "work", "more", "down")] == expected
    assert it.run_row().state == state


def test_a_teardown_that_counts_fails_the_run(tenant: Tenant) -> None:
    it = _scoped(tenant, on_failure_fail_dagrun=True)
    _run(it, ends={"down": "failed"})
    assert it.run_row().state == "failed"


def test_an_indirect_setup_is_waited_for_and_must_succeed(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("up", "between", is_setup=True),
        specs.task("between", "work", trigger_rule="always"),
        specs.task("work"),
    )
    _run(it, ends={"up": "failed"})
    assert it.states() == {"up": "failed", "between": "success", "work": "upstream_failed"}


@pytest.mark.parametrize(
    ("ends", "each"), [({"list": "failed"}, "upstream_failed"), ({"list": "skipped"}, "skipped")]
)
def test_a_source_that_gave_nothing_overrules_the_trigger_rule(
    tenant: Tenant, ends: dict[str, str], each: str
) -> None:
    expand = {"kind": "xcom", "task_id": "list"}
    it = scene(
        tenant,
        specs.task("list", "each"),
        specs.task("each", is_mapped=True, expand=expand, trigger_rule="all_done"),
    )
    _run(it, ends=ends)
    assert it.states()["each"] == each
