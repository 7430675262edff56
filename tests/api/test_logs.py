"""GET …/taskInstances/{task_id}/logs/{try_number}, as JSON and as lines."""

from __future__ import annotations

import json

import pytest

from api.v2.logs import views
from controlplane.execution import logs
from controlplane.ledger.models.task_instance import TaskInstance
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag, put_states
from tests.support.specs import chain

PATH = "/dags/beta/dagRuns/r1/taskInstances/task_0/logs/1"
LINES = [
    {"timestamp": "2026-03-01T00:00:00Z", "event": f"line {number} é", "level": "info"} for number in range(5)
]


@pytest.fixture
def instance(tenant: Tenant) -> TaskInstance:
    run = created_run(tenant, parsed_dag(tenant, chain("beta", 2)), run_id="r1")
    return put_states(tenant, run, task_0="success", task_1="running")["task_0"]


def write(tenant: Tenant, task: str, text: bytes, try_number: int = 1) -> None:
    key = logs.log_key(
        tenant_id=tenant.id, dag_id="beta", run_id="r1", task_id=task, map_index=-1, try_number=try_number
    )
    logs.append(key=key, offset=logs.size(key), data=text)


def as_lines(*events: dict[str, str]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def test_a_finished_log_is_whole(tenant: Tenant, instance: TaskInstance, viewer: Actor) -> None:
    write(tenant, "task_0", as_lines(*LINES))
    answer = viewer.v2().get(PATH, accept="application/json")
    assert answer["content"][0] == {"event": "::group::Log message source details"}
    assert answer["content"][2:] == LINES
    assert answer["continuation_token"] is None


def test_lines(tenant: Tenant, instance: TaskInstance, viewer: Actor) -> None:
    write(tenant, "task_0", as_lines(*LINES))
    answer = viewer.v2().get(PATH, accept="application/x-ndjson")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.body.splitlines()][2:] == LINES
    assert views.TOKEN_HEADER not in answer.headers


def test_a_running_log_goes_on_where_the_token_says(
    tenant: Tenant, instance: TaskInstance, viewer: Actor
) -> None:
    path = PATH.replace("task_0", "task_1")
    write(tenant, "task_1", as_lines(*LINES[:2]) + b'{"event": "ha')
    first = viewer.v2().get(path, accept="application/json")
    assert first["content"][2:] == LINES[:2]
    stream = viewer.v2().get(path, accept="application/x-ndjson")
    assert [json.loads(line) for line in stream.body.splitlines()][2:] == LINES[:2]
    write(tenant, "task_1", b'lf"}\n' + as_lines(LINES[2]))
    for token in (first["continuation_token"], stream.headers[views.TOKEN_HEADER]):
        rest = viewer.v2().get(path, {"token": token}, accept="application/json")
        assert rest["content"] == [{"event": "half"}, LINES[2]]


def test_a_long_log_comes_in_pieces(
    tenant: Tenant, instance: TaskInstance, viewer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "JSON_BYTES", 100)
    monkeypatch.setattr(views, "PIECE_BYTES", 64)
    write(tenant, "task_0", as_lines(*LINES))
    seen: list[object] = []
    query: dict[str, str] = {}
    for _ in range(10):
        answer = viewer.v2().get(PATH, query, accept="application/json")
        seen += answer["content"]
        if answer["continuation_token"] is None:
            break
        query = {"token": answer["continuation_token"]}
    assert seen[2:] == LINES
    assert viewer.v2().get(PATH, {"full_content": "true"}, accept="application/json")["content"] == seen
    stream = viewer.v2().get(PATH, accept="application/x-ndjson")
    assert [json.loads(line) for line in stream.body.splitlines()] == seen


def test_what_is_no_json_is_shown_as_text(tenant: Tenant, instance: TaskInstance, viewer: Actor) -> None:
    write(tenant, "task_0", b'}, {"event": "forged"}\n"text"\n\xff\n{"event": "no end"}')
    content = viewer.v2().get(PATH, accept="application/json")["content"][2:]
    events = [message["event"] for message in content]
    assert events == ['}, {"event": "forged"}', '"text"', "\ufffd", "no end"]


def test_each_try_has_its_log(tenant: Tenant, instance: TaskInstance, viewer: Actor) -> None:
    assert viewer.v2().get(PATH.replace("logs/1", "logs/2")).status == 404
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=instance.id).update(try_number=2)
    write(tenant, "task_0", as_lines({"event": "second"}), try_number=2)
    answer = viewer.v2().get(PATH.replace("logs/1", "logs/2"), accept="application/json")
    assert answer["content"][2:] == [{"event": "second"}]


def test_a_task_that_never_ran_says_so(tenant: Tenant, instance: TaskInstance, viewer: Actor) -> None:
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=instance.id).update(try_number=0, state="skipped")
    answer = viewer.v2().get(PATH.replace("logs/1", "logs/0"), accept="application/json")
    assert answer["content"][-1]["event"] == "Task was skipped — no logs available."


def test_forged_tokens_and_strangers(
    tenant: Tenant, instance: TaskInstance, viewer: Actor, stranger: Actor
) -> None:
    write(tenant, "task_0", as_lines(*LINES))
    assert viewer.v2().get(PATH, {"token": "eyJvZmZzZXQiOjB9:x:y"}).status == 400
    assert stranger.v2(at=tenant).get(PATH).body == {"detail": "Not Found"}
    assert stranger.v2().get(PATH).status == 404


@pytest.mark.parametrize("accept", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize(
    ("reason", "told"),
    [("lost", True), ("cleared", True), ("signal", False)],
    ids=["lost", "cleared", "told"],
)
def test_what_only_the_control_plane_knows_is_the_last_line(
    tenant: Tenant, instance: TaskInstance, viewer: Actor, accept: str, reason: str, told: bool
) -> None:
    """Of a death that the agent has seen there is a line already."""
    write(tenant, "task_0", as_lines(*LINES))
    died = {"reason": reason, "message": "somebody did it"}
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(id=instance.id).update(
            died=died, state="failed", end_date=instance.start_date
        )
    answer = viewer.v2().get(PATH, accept=accept)
    streamed = accept == "application/x-ndjson"
    events = [json.loads(line) for line in answer.body.splitlines()] if streamed else answer["content"]
    last = events[-1]["event"]
    assert (last == "The control plane ended this try: somebody did it") is told
    assert len(events) == 2 + len(LINES) + told


def test_a_task_that_is_being_stopped_goes_on_writing(
    tenant: Tenant, instance: TaskInstance, viewer: Actor
) -> None:
    write(tenant, "task_1", as_lines(*LINES))
    with tenant_scope(tenant.id):
        TaskInstance.objects.filter(run_id="r1", task_id="task_1").update(state="restarting")
    answer = viewer.v2().get(PATH.replace("task_0", "task_1"), accept="application/json")
    assert answer["continuation_token"] is not None
