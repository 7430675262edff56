"""Every path of the Task Execution API, from its URL table: whose token opens it, and whose does not."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from api.execution.gate import Rule
from api.execution.urls import urlpatterns
from controlplane.execution import attempts, tokens
from controlplane.execution.attempts import SETTLING_SECONDS, Stage
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.secrets import connections, variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Door
from tests.support.assets import asset, producer
from tests.support.attempts import HOST, PID, Try, running_try
from tests.support.questions import QUESTION

CANARY = "canary-7f3a9c"
TRY = "the try that calls"
"""In a body: the id of the try in the path."""
TABLES = (
    "task_instance",
    "dag_run",
    "xcom",
    "hitl_detail",
    "variable",
    "connection",
    "rendered_field",
    "work_item",
    "asset",
    "asset_event",
    "asset_state",
    "task_state",
)
BODIES: dict[str, Any] = {
    "PATCH run": {
        "state": "running",
        "hostname": HOST,
        "unixname": "u",
        "pid": PID,
        "start_date": "2026-01-01T00:00:00Z",
    },
    "PATCH state": {"state": "success", "end_date": "2026-01-01T00:00:00Z"},
    "PUT heartbeat": {"hostname": HOST, "pid": PID},
    "PUT rtif": {"bash_command": "true"},
    "PATCH rendered-map-index": "label",
    "PATCH skip-downstream": {"tasks": ["second"]},
    "PUT variables": {"val": "new", "description": None},
    "POST xcoms": [1],
    "POST dag-runs": {},
    "PUT store/asset": {"value": 1},
    "PUT store/ti": {"value": 1},
    "POST hitlDetails": {**QUESTION, "ti_id": TRY},
    "PATCH hitlDetails": {"ti_id": TRY, "chosen_options": ["Approve"]},
}
QUERY = {
    "task-instances/count": {"dag_id": "example"},
    "task-instances/states": {"dag_id": "example"},
    "task-instances/breadcrumbs": {"dag_id": "example", "run_id": "r1"},
    "dag-runs/count": {"dag_id": "example"},
    "dag-runs/previous": {"dag_id": "example", "logical_date": "2027-01-01T00:00:00Z"},
    "assets/by-name": {"name": "table"},
    "assets/by-uri": {"uri": "s3://table"},
    "assets/by-alias": {"alias_name": "latest"},
    "asset-events/by-asset": {"name": "table"},
    "asset-events/by-asset-alias": {"name": "latest"},
    "store/asset/by-name/value": {"name": "table", "key": "seen"},
    "store/asset/by-name/clear": {"name": "table"},
}
EMPTY_ANSWERS = (
    [],
    0,
    None,
    {"asset_events": []},
    {"inactive_assets": []},
    {"task_states": {}},
    {"breadcrumbs": []},
    {"keys": [], "total_entries": 0},
)


def _routes() -> list[tuple[str, str, Rule]]:
    found = []
    for pattern in urlpatterns:
        shape = str(pattern.pattern).strip("^$").replace("?P", "")
        for method, rule in getattr(pattern.callback, "rules", {}).items():
            found.append((method, shape, rule))
    return found


ROUTES = _routes()
names = [f"{method} {shape}" for method, shape, _ in ROUTES]


def _path(shape: str, target: Try) -> str:
    values = {
        "str:task_instance_id": str(target.id),
        "str:dag_id": "example",
        "str:run_id": "r1",
        "str:task_id": "first",
        "str:connection_id": "warehouse",
        "path:key": "threshold",
        "name_or_uri:by": "name",
        "str:test_id": str(target.id),
    }
    for name, value in values.items():
        shape = shape.replace(f"<{name}>", value)
    for name, value in {"dag_id": "example", "run_id": "r1", "task_id": "first"}.items():
        shape = shape.replace(f"(<{name}>[^/]+)", value)
    path = shape.replace("(<key>.+)", "return_value").replace("(<offset>-?[0-9]{1,9})", "0")
    assert not set(path) & set("<>()[]"), f"the test does not know how to fill {shape}"
    return path


def _call(door: Door, method: str, shape: str, target: Try) -> Any:
    path = _path(shape, target)
    body = next(
        (
            body
            for name, body in BODIES.items()
            if method == name.split()[0]
            and (path.endswith(name.split()[1]) or path.startswith(name.split()[1]))
        ),
        None,
    )
    if isinstance(body, dict):
        body = {key: str(target.id) if value == TRY else value for key, value in body.items()}
    return door.call(method, path, body, query=QUERY.get(path))


def _fingerprint(superuser: Any, tenant: Tenant) -> str:
    """Of all that the tenant has, but for heartbeats."""
    told = []
    with superuser.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"SELECT to_jsonb(t) - 'last_heartbeat_at' FROM {table} t WHERE tenant_id = %s ORDER BY id",
                [str(tenant.id)],
            )
            told.append([row[0] for row in cursor.fetchall()])
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


@pytest.fixture
def victim(tenant: Tenant) -> Try:
    """A running attempt of a tenant that has something to lose."""
    attempt = running_try(tenant, run_id="r1", note=CANARY, conf={"canary": CANARY})
    producer(tenant, "producer", asset("table", extra={"canary": CANARY}))
    with tenant_scope(tenant.id):
        variables.put(key="threshold", value=CANARY, description=CANARY, now=utc_now())
        connections.put(conn_id="warehouse", conn_type="http", password=CANARY, host=CANARY, now=utc_now())
    return attempt


@pytest.mark.parametrize(("method", "shape", "rule"), ROUTES, ids=names)
def test_right_token_opens(method: str, shape: str, rule: Rule, victim: Try) -> None:
    """The control of all tests below: with the right token, the same call gets past the gate."""
    answer = _call(victim.door(), method, shape, victim)
    if answer.status == 403:
        assert shape.startswith("connection-tests/"), "the one thing that is not for tasks"
    else:
        assert answer.status in {200, 201, 204, 404, 409}, answer


@pytest.mark.parametrize(("method", "shape", "rule"), ROUTES, ids=names)
def test_no_token_and_a_broken_one(method: str, shape: str, rule: Rule, victim: Try, superuser: Any) -> None:
    before = _fingerprint(superuser, victim.tenant)
    assert _call(Door(prefix="/execution/", token=None), method, shape, victim).status == 401
    broken = victim.token[:-4] + ("AAAA" if victim.token[-4:] != "AAAA" else "BBBB")
    assert _call(Door(prefix="/execution/", token=broken), method, shape, victim).status == 403
    assert _fingerprint(superuser, victim.tenant) == before


@pytest.mark.parametrize(("method", "shape", "rule"), ROUTES, ids=names)
def test_superseded_try_is_refused(method: str, shape: str, rule: Rule, victim: Try, superuser: Any) -> None:
    """The same task instance runs again: the token of its first try opens nothing, not even to read."""
    newer = victim.end("up_for_retry").again().start()
    before = _fingerprint(superuser, victim.tenant)
    answer = _call(victim.door(), method, shape, victim)
    assert answer.status == (rule.superseded if rule.own else 403)
    assert CANARY not in json.dumps(answer.body)
    assert "Refreshed-API-Token" not in answer.headers
    assert _fingerprint(superuser, victim.tenant) == before
    assert newer.row().state == "running"


@pytest.mark.parametrize(("method", "shape", "rule"), ROUTES, ids=names)
def test_finished_try_is_refused(method: str, shape: str, rule: Rule, victim: Try, superuser: Any) -> None:
    """Its outcome is stored and the time for callbacks is over."""
    victim.end("success")
    with tenant_scope(victim.tenant.id):
        ended = utc_now() - timedelta(seconds=SETTLING_SECONDS + 1)
        TaskInstance.objects.filter(id=victim.id).update(end_date=ended)
    before = _fingerprint(superuser, victim.tenant)
    answer = _call(victim.door(), method, shape, victim)
    known = method == "PATCH" and shape.endswith("/state")
    assert answer.status in ({200} if known else {403, 409, 410})
    assert CANARY not in json.dumps(answer.body)
    assert _fingerprint(superuser, victim.tenant) == before


@pytest.mark.parametrize(("method", "shape", "rule"), ROUTES, ids=names)
def test_stranger_finds_nothing(
    method: str, shape: str, rule: Rule, victim: Try, other_tenant: Tenant, superuser: Any
) -> None:
    """A running attempt of another tenant asks for what is the victim's, by its exact names and ids."""
    from tests.support.factories import parsed_dag
    from tests.support.specs import dag, task

    own = running_try(other_tenant, parsed_dag(other_tenant, dag("theirs", [task("first")])), run_id="t1")
    before = _fingerprint(superuser, victim.tenant)
    answer = _call(own.door(), method, shape, victim)
    if rule.own:
        assert answer.status == 403
    elif answer.status in {200, 201, 204}:
        writes_own = method == "DELETE" or (method == "PUT" and shape.startswith("variables/"))
        assert writes_own or method == "HEAD" or answer.body in EMPTY_ANSWERS, answer
    else:
        assert answer.status in {403, 404}
    if method == "HEAD":
        assert answer.headers["Content-Range"] == "map_indexes 0"
    assert CANARY not in json.dumps(answer.body)
    assert _fingerprint(superuser, victim.tenant) == before


@pytest.mark.parametrize(
    "forged",
    [{"tenant_id": "other"}, {"epoch": 99}, {"epoch": 0}],
    ids=["another tenant", "a later epoch", "no epoch"],
)
def test_well_signed_token_with_wrong_claims(
    forged: dict[str, Any], victim: Try, other_tenant: Tenant
) -> None:
    """Even signed with our key, a token must fit the row: tenant and epoch are compared, not believed."""
    claims: dict[str, Any] = {
        "tenant_id": victim.tenant.id,
        "task_instance_id": victim.id,
        "epoch": victim.epoch,
        "try_number": 1,
        "now": utc_now(),
    }
    forged = {"tenant_id": other_tenant.id} if "tenant_id" in forged else forged
    for method, shape, rule in ROUTES:
        door = Door(prefix="/execution/", token=tokens.issue(**{**claims, **forged}))
        expected = rule.superseded if rule.own and "epoch" in forged else 404 if rule.own else 403
        assert _call(door, method, shape, victim).status == expected, shape


def test_rules_of_writing_routes() -> None:
    """No route that changes the ledger is open to an attempt that is over."""
    writing = [
        (method, shape, rule.stage)
        for method, shape, rule in ROUTES
        if method not in {"GET", "HEAD"} and rule.stage is Stage.WHOLE
    ]
    assert writing == []
    assert len(ROUTES) > 40


def test_control_without_the_comparison_a_superseded_try_writes(
    victim: Try, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What refuses above is the comparison with the row, and nothing else on the way."""
    newer = victim.end("up_for_retry").again().start()
    door, path, body = victim.door(), "variables/threshold", {"val": "written"}
    assert door.call("PUT", path, body).status == 403

    def believe(*, claims: tokens.Claims, stage: Stage, now: Any) -> attempts.Attempt:
        return attempts.find_attempt(claims=replace(claims, epoch=newer.epoch), stage=stage, now=now)

    monkeypatch.setattr("api.execution.gate.find_attempt", believe)
    assert door.call("PUT", path, body).status == 201
    assert newer.door().get(path)["value"] == "written"
