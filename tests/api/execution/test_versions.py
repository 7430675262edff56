"""Older dated versions: what did not exist then is not there, and answers are worded as they were."""

from __future__ import annotations

import pytest

from api.execution import versions
from tenants.models.tenant import Tenant
from tests.support.attempts import HOST, PID, USER, Try, queued_try, running_try

BODY = {
    "state": "running",
    "hostname": HOST,
    "unixname": USER,
    "pid": PID,
    "start_date": "2026-01-01T00:00:00Z",
}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (None, "2026-06-30"),
        ("2026-06-30", "2026-06-30"),
        ("2026-09-01", "2026-06-30"),
        ("2026-05-01", "2026-04-06"),
        ("2025-04-11", "2025-04-11"),
        ("2025-01-01", None),
        ("soon", "2026-06-30"),
    ],
)
def test_the_version_before_a_date_answers(asked: str | None, given: str | None) -> None:
    assert versions.negotiated(asked) == given


def start(attempt: Try, version: str) -> dict:
    answer = attempt.door().call(
        "PATCH", f"task-instances/{attempt.id}/run", BODY, airflow_api_version=version
    )
    assert answer.status == 200
    assert answer.headers["airflow-api-version"] == version
    return dict(answer.body)


def test_a_run_is_worded_as_each_version_knows_it(tenant: Tenant) -> None:
    """Every version is asked about the same start; the same process may ask again and again."""
    attempt = queued_try(tenant, run_id="r1", note="told")
    told = {version: start(attempt, version) for version in reversed(versions.VERSIONS)}
    newest = told["2026-06-30"]
    assert {"partition_key", "note", "state"} <= newest["dag_run"].keys()
    assert "start_date" in newest
    assert "upstream_map_indexes" not in newest
    run = {version: body["dag_run"] for version, body in told.items()}
    for name, since in (
        ("note", "2026-04-06"),
        ("partition_key", "2026-04-06"),
        ("triggering_user_name", "2025-11-05"),
        ("state", "2025-08-10"),
    ):
        assert {version for version in run if name in run[version]} == {v for v in run if v >= since}, name
    old = [version for version in told if version < "2026-04-06"]
    assert all(told[version]["upstream_map_indexes"] is None for version in old)
    assert all("start_date" not in told[version] for version in old)
    assert all(run[version]["conf"] == {} for version in run if version < "2025-10-27")


def test_another_process_may_not_start_it_again(tenant: Tenant) -> None:
    attempt = queued_try(tenant)
    start(attempt, "2026-06-30")
    for change in ({"pid": PID + 1}, {"hostname": "other"}, {"unixname": "other"}):
        assert attempt.door().patch(f"task-instances/{attempt.id}/run", {**BODY, **change}).status == 409


@pytest.mark.parametrize(
    ("path", "since", "status"),
    [
        ("assets/by-alias?alias_name=x", "2026-06-30", 404),
        ("dag-runs/example/r1", "2026-04-06", 405),
        ("dags/example", "2026-04-06", 404),
        ("dag-runs/previous?dag_id=example&logical_date=2026-01-01T00:00:00Z", "2026-04-06", 404),
        ("dag-runs/example/previous?logical_date=2026-01-01T00:00:00Z", "2025-08-10", 405),
        ("dag-runs/count?dag_id=example", "2025-04-11", 404),
        ("dag-runs/example/r1/state", "2025-04-11", 404),
    ],
)
def test_what_came_later_is_not_there(tenant: Tenant, path: str, since: str, status: int) -> None:
    """As in Airflow: 405 where the path has another method."""
    door = running_try(tenant, run_id="r1").door()
    for version in versions.VERSIONS:
        if "/previous?" in path and version >= "2026-04-06" and "example" in path.split("?")[0]:
            continue  # a run called `previous` since then
        answer = door.get(path, airflow_api_version=version)
        assert (answer.status == 200) is (version >= since), (version, answer.body)
        if version < since:
            words = {404: "Not Found", 405: "Method Not Allowed"}
            assert (answer.status, answer.body) == (status, {"detail": words[status]})


def test_a_variable_called_keys(tenant: Tenant) -> None:
    """What it is for a client that does not know the list of keys."""
    door = running_try(tenant).door()
    assert door.get("variables/keys", airflow_api_version="2026-04-06").status == 404
    assert door.call("PUT", "variables/keys", {"val": "v"}).status == 201
    told = door.get("variables/keys", airflow_api_version="2026-04-06").body
    assert told == {"key": "keys", "value": "v"}
    assert door.get("variables/keys")["keys"] == ["keys"]
    assert door.delete("variables/keys").status == 204
    assert door.get("variables/keys")["keys"] == []


def test_a_run_called_previous(tenant: Tenant) -> None:
    door = running_try(tenant, run_id="previous").door()
    assert door.get("dag-runs/example/previous")["run_id"] == "previous"
    assert door.get("dag-runs/example/previous", airflow_api_version="2026-06-30")["run_id"] == "previous"


def test_what_the_newest_version_added_to_runs() -> None:
    body = {"team_name": None, "partition_date": None, "start_date": None, "run_after": "then"}
    versions._dag_run(body, "2026-04-06")
    assert body == {"start_date": None, "run_after": "then"}
    versions._dag_run(body, "2025-11-05")
    assert body == {"start_date": "then", "run_after": "then"}


@pytest.mark.parametrize(
    ("value", "old"),
    [
        ({"a": [1, {"b": None}]}, {"__type": "dict", "__var": {"a": [1, {"__type": "dict", "__var": {"b": None}}]}}),
        (
            {"when": {"__classname__": "datetime.datetime", "__version__": 2, "__data__": {"timestamp": 1.5, "tz": "UTC"}}},
            {"__type": "dict", "__var": {"when": {"__type": "datetime", "__var": 1.5}}},
        ),
        (
            {"d": {"__classname__": "datetime.timedelta", "__version__": 2, "__data__": 60.0}},
            {"__type": "dict", "__var": {"d": {"__type": "timedelta", "__var": 60.0}}},
        ),
    ],
)  # fmt: skip
def test_what_a_deferred_task_kept_is_worded_for_old_workers(value: dict, old: dict) -> None:
    body = {"dag_run": {}, "next_kwargs": value}
    versions._run_context(body, "2025-11-05")
    assert body["next_kwargs"] == old
