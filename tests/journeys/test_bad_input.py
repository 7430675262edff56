"""Bad input ends in a clear state, with a reason that a person can read; nothing of it is queued for ever.

Everything is asked through public doors: Airflow's API, the log, the portal (which says what the push says).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from launcher.demo.http import DemoRefused
from tests.support.bad_input import FILES
from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

GOOD = [
    "bad_values",
    "bad_weights",
    "holds",
    "params",
    "params_unset",
    "timetable_at_next",
    "timetable_by_hand",
]

NO_DAGS = {
    "cyclic": "Cycle detected in DAG cyclic: one >> two >> three >> one",
    "timetable_at_parse": "ValueError: this timetable cannot be made",
    "bad_cron": "AirflowTimetableInvalid: [99 99 * * *] is not acceptable",
    "params_default": "there are required params without default values, or the default values are not valid",
    "unknown_executor": "specifies executor 'MoonExecutor', which is not available",
    "unknown_weights": "Unknown priority strategy nowhere.NoStrategy",
    "unknown_rule": "all_lucky",
    "too_long_literal": "task 'works' is mapped 100001 times; at most 100000 are possible",
    "expand_number": "expand() got an unexpected type 'int' for keyword argument 'n'",
    "expand_nobody": "unexpected keyword argument 'nobody'",
    "expand_twice": "unmappable or already specified argument: bash_command",
    "expand_kwargs_number": "expected XComArg or list[dict], not int",
}
"""File -> what its import error says."""

FAILED = {
    "not_json": "unmappable return type 'object'",
    "not_json_inside": "Cannot serialize object of type <class 'function'>",
    "nan": "cannot be stored as JSON",
    "none": "did not push XCom for task mapping",
    "text": "unmappable return type 'str'",
    "number": "unmappable return type 'int'",
    "too_long": "pushed value is too large to map as a downstream's dependency",
    "trigger_raises": "ValueError: this trigger is bad",
    "trigger_silent": "Trigger exited without sending an event",
    "trigger_nowhere": "No module named 'no_such_module'",
    "trigger_unmakeable": "unexpected keyword argument 'unknown'",
    "trigger_no_event": "input_value='no event at all'",
    "trigger_unserialisable": "Cannot serialize object of type <class 'object'>",
    "bad_template": "'nowhere' is undefined",
    "broken_template": "unexpected end of template",
    "missing_template": "'nowhere.sh' not found in search path",
    "bad_callbacks": "this callback is bad",
}
"""Task -> what the log of its only try says."""

FAILED_INDEXES = {
    "kwargs_of_numbers": (2, "expand_kwargs() expects a list[dict], not list[int]"),
    "kwargs_of_mapping": (2, "expand_kwargs() expects a list[dict], not dict"),
    "kwargs_unknown": (1, "unexpected keyword argument 'nobody'"),
    "two": (1, "mapping already partial argument: b"),
    "over_bad_map": (1, "ZeroDivisionError"),
}

UPSTREAM_FAILED = ["over_none", "over_text", "over_number", "over_not_json", "over_too_long"]


@dataclass(frozen=True)
class Pushed:
    tenant: StackTenant
    values: Run


@pytest.fixture(scope="module")
def pushed(_shared_stack: Stack) -> Pushed:
    tenant = _shared_stack.sign_up()
    tenant.deploy(FILES, *GOOD)
    run = tenant.trigger("bad_values")
    assert tenant.until_over(run, seconds=180) == ["failed"]
    return Pushed(tenant, run)


def portal(tenant: StackTenant, path: str) -> Any:
    return tenant.login.portal.call("GET", f"/api/portal/v1/tenants/{tenant.slug}{path}")


@pytest.mark.parametrize("name", NO_DAGS)
def test_a_file_that_makes_no_sense_gives_no_dag_and_says_why(pushed: Pushed, name: str) -> None:
    assert name not in pushed.tenant.dags()
    errors = {error["filename"]: error["stack_trace"] for error in pushed.tenant.import_errors()}
    assert NO_DAGS[name] in errors[f"dags/{name}.py"]
    told = portal(pushed.tenant, "/bundles")["bundles"][0]["summary"]["errors"]
    assert [NO_DAGS[name] in each["message"] for each in told if each["path"] == f"dags/{name}.py"] == [True]


@pytest.mark.parametrize("name", FAILED)
def test_a_task_that_makes_no_sense_fails_and_its_log_says_why(pushed: Pushed, name: str) -> None:
    assert pushed.tenant.states(pushed.values)[name] == "failed"
    pushed.tenant.until_logged(FAILED[name], pushed.values, name)


@pytest.mark.parametrize("name", FAILED_INDEXES)
def test_each_index_of_a_wrong_shape_fails_and_its_log_says_why(pushed: Pushed, name: str) -> None:
    count, said = FAILED_INDEXES[name]
    assert pushed.tenant.states(pushed.values)[name] == ["failed"] * count
    for index in range(count):
        pushed.tenant.until_logged(said, pushed.values, name, map_index=index)


def test_what_maps_over_nothing_is_upstream_failed_and_a_dict_is_mapped_over(pushed: Pushed) -> None:
    """As in Airflow: a dict gives its pairs."""
    states = pushed.tenant.states(pushed.values)
    assert {name: states[name] for name in UPSTREAM_FAILED} == dict.fromkeys(
        UPSTREAM_FAILED, "upstream_failed"
    )
    assert states["over_mapping"] == ["success", "success"]
    pushed.tenant.until_logged("sees ('a', 1)", pushed.values, "over_mapping", map_index=0)


def test_a_product_of_too_many_elements_fails_and_its_note_says_why(pushed: Pushed) -> None:
    [row] = [row for row in pushed.tenant.instances(pushed.values) if row["task_id"] == "product_too_long"]
    said = "Cannot map: the input has 160000 elements; at most 100000 are possible."
    assert (row["state"], row["map_index"], row["note"]) == ("failed", -1, said)


def test_a_callback_or_a_retry_policy_that_raises_changes_no_state(pushed: Pushed) -> None:
    tenant, run = pushed.tenant, pushed.values
    states = {row["task_id"]: (row["state"], row["try_number"]) for row in tenant.instances(run)}
    assert states["bad_callback"] == ("success", 1)
    tenant.until_logged("this callback is bad", run, "bad_callback")
    assert states["bad_policy"] == ("failed", 2), "tried again as without a policy"
    tenant.until_logged(
        "Retry policy evaluation failed, falling back to default behaviour", run, "bad_policy"
    )


def test_nothing_of_it_waits(pushed: Pushed) -> None:
    assert pushed.tenant.rows("SELECT id FROM trigger") == []
    states = {row["state"] for row in pushed.tenant.instances(pushed.values)}
    assert states <= {"success", "failed", "upstream_failed"}


def test_a_weight_strategy_that_fails_is_a_finding_and_the_task_runs(pushed: Pushed) -> None:
    tenant = pushed.tenant
    run = tenant.trigger("bad_weights")
    assert tenant.until_over(run) == ["success"]
    weights = {row["task_id"]: row["priority_weight"] for row in tenant.instances(run)}
    assert weights == {"raising": 3, "nonsense": 4, "good": 41, "named": 41}
    told = [
        each["message"] for each in portal(tenant, "/findings")["findings"] if each["code"] == "AERO-WEIGHT"
    ]
    assert any("'raising'" in each and "ValueError: this strategy knows no weight" in each for each in told)
    assert any("'nonsense'" in each and "invalid literal for int()" in each for each in told)


def test_a_timetable_that_raises_is_told_and_its_dag_still_runs_by_hand(stack: Stack, pushed: Pushed) -> None:
    tenant = pushed.tenant
    seen = stack.until(
        lambda: (dag := portal(tenant, "/dags/timetable_at_next"))["timetable_problem"] and dag,
        "the timetable to be asked",
    )
    assert "ValueError: this timetable knows no next run" in seen["timetable_problem"]
    assert seen["next_run_after"] is None
    errors = {error["filename"]: error["stack_trace"] for error in tenant.import_errors()}
    assert "this timetable knows no next run" in errors["dags/timetable_at_next.py"]
    assert tenant.until_over(tenant.trigger("timetable_at_next")) == ["success"]
    lost = tenant.trigger("timetable_by_hand")
    assert tenant.until_over(lost) == ["failed"]
    assert "infer_manual_data_interval raised ValueError: no interval by hand" in tenant.run(lost)["note"]


@pytest.mark.parametrize(
    ("dag_id", "conf", "said"),
    [
        ("params", {"n": 9}, "Invalid input for param n: 9 is greater than the maximum of 5"),
        ("params", {"n": "three"}, "Invalid input for param n: 'three' is not of type 'integer'"),
        ("params_unset", {}, "Invalid input for param n: No value passed"),
    ],
)
def test_a_run_whose_params_violate_their_schema_is_refused(
    pushed: Pushed, dag_id: str, conf: dict[str, Any], said: str
) -> None:
    with pytest.raises(DemoRefused, match="answered with 400") as refused:
        pushed.tenant.trigger(dag_id, conf=conf)
    assert said in str(refused.value)


def test_unknown_pools_and_queues_hold_their_tasks_with_a_reason(stack: Stack, pushed: Pushed) -> None:
    tenant = pushed.tenant
    run = tenant.trigger("holds")
    said = {"unknown_pool": "pool_unknown: pool 'no_such_pool' does not exist; create it or give the task another pool",
            "unknown_queue": "queue_unserved: no agent takes work from queue 'no_such_queue'; start one that does, or "
                             "give the task another queue"}  # fmt: skip
    for task_id, reason in said.items():
        row = tenant.until_state(run, task_id, "scheduled")
        wait = {"name": "Admission", "reason": reason}
        asked = f"/dags/holds/dagRuns/{run.run_id}/taskInstances/{task_id}/dependencies"
        stack.until(lambda asked=asked, wait=wait: wait in tenant.call("GET", asked)["dependencies"], reason)
        assert portal(tenant, f"/task-instances/{row['id']}/waits") == {"state": "scheduled", "waits": [wait]}
    warnings = tenant.call("GET", "/dagWarnings")["dag_warnings"]
    assert [(each["dag_id"], "no_such_pool" in each["message"]) for each in warnings] == [("holds", True)]
    tenant.call("POST", "/pools", {"name": "no_such_pool", "slots": 1})
    tenant.until_state(run, "unknown_pool", "success")
    assert tenant.states(run)["unknown_queue"] == "scheduled"
