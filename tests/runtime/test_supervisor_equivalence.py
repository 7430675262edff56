"""Our answers to a task's questions are Airflow's own: same requests to the API, same meaning to the task."""

from __future__ import annotations

import asyncio
import json
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from yarl import URL

from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.sdk.client import ApiRefused, ExecutionClient, Reply, Token, _refusal, _url
from aerodrome_runtime.agent.sdk.table import HANDLERS, OURS, Asking, answer

ROOT = Path(__file__).resolve().parents[2]
TI = "0193f0f0-0000-7000-8000-0000000000aa"
AT = "2026-01-02T03:04:05Z"
XCOM = {"key": "k", "dag_id": "d 1", "run_id": "manual__2026-01-01T00:00:00+00:00", "task_id": "t"}
ASSET = {"name": "a", "uri": "s3://a/b", "group": "asset", "extra": {}}
EVENTS = {"asset_events": [{"id": 1, "timestamp": AT, "extra": {}, "asset": ASSET, "created_dagruns": []}]}
RUN = {
    "dag_id": "d", "run_id": "r", "logical_date": AT, "data_interval_start": AT, "data_interval_end": AT,
    "run_after": AT, "start_date": AT, "end_date": None, "run_type": "manual", "state": "running",
    "conf": {"a": 1}, "consumed_asset_events": [], "partition_key": None,
}  # fmt: skip
CONN = {
    "conn_id": "c", "conn_type": "http", "host": "h", "schema": None, "login": "u", "password": "hunter22",
    "port": 1, "extra": "{}",
}  # fmt: skip
DAG = {
    "dag_id": "d", "is_paused": False, "bundle_name": "dags", "bundle_version": None,
    "relative_fileloc": "d.py", "owners": "me", "tags": [], "next_dagrun": None,
}  # fmt: skip
MISSING = [404, {"detail": {"reason": "not_found"}}, {}]


def ok(content: Any = None, **headers: str) -> list:
    return [200, content, headers]


CASES: list[tuple[dict[str, Any], list]] = [
    ({"type": "GetConnection", "conn_id": "c"}, [ok(CONN)]),
    ({"type": "GetConnection", "conn_id": "c"}, [MISSING]),
    ({"type": "GetConnection", "conn_id": "c"}, [[403, {"detail": "no"}, {}]]),
    ({"type": "GetVariable", "key": "v"}, [ok({"key": "v", "value": "1"})]),
    ({"type": "GetVariable", "key": "v"}, [MISSING]),
    ({"type": "GetVariable", "key": "v"}, [[401, {"detail": "no"}, {}]]),
    ({"type": "GetVariableKeys", "prefix": "p", "limit": 10, "offset": 5}, [ok({"keys": ["p1"], "total_entries": 1})]),
    ({"type": "PutVariable", "key": "v", "value": "1", "description": None}, [ok({})]),
    ({"type": "DeleteVariable", "key": "v"}, [ok({})]),
    ({"type": "GetXCom", **XCOM, "map_index": 3, "include_prior_dates": True}, [ok({"key": "k", "value": [1]})]),
    ({"type": "GetXCom", **XCOM}, [MISSING]),
    ({"type": "GetXComCount", **XCOM}, [ok(None, **{"Content-Range": "map_indexes 7"})]),
    ({"type": "GetXComSequenceItem", **XCOM, "offset": -1}, [ok({"a": 1})]),
    ({"type": "GetXComSequenceItem", **XCOM, "offset": 4}, [MISSING]),
    ({"type": "GetXComSequenceSlice", **XCOM, "start": 0, "stop": None, "step": 2}, [ok([1, 2])]),
    ({"type": "DeleteXCom", **XCOM, "map_index": 2}, [ok({})]),
    ({"type": "SetXCom", **XCOM, "value": [1, 2], "map_index": 2, "mapped_length": 2}, [ok({})]),
    ({"type": "GetAssetByName", "name": "a"}, [ok(ASSET)]),
    ({"type": "GetAssetByName", "name": "a"}, [MISSING]),
    ({"type": "GetAssetByUri", "uri": "s3://a/b"}, [ok(ASSET)]),
    ({"type": "GetAssetsByAlias", "alias_name": "x"}, [ok([ASSET])]),
    ({"type": "GetAssetEventByAsset", "name": "a", "uri": None, "after": AT, "limit": 3}, [ok(EVENTS)]),
    ({"type": "GetAssetEventByAssetAlias", "alias_name": "x", "ascending": False}, [ok(EVENTS)]),
    ({"type": "ValidateInletsAndOutlets", "ti_id": TI}, [ok({"inactive_assets": []})]),
    ({"type": "TriggerDagRun", "dag_id": "d", "run_id": "r", "conf": {"a": 1}, "logical_date": AT}, [ok({})]),
    ({"type": "TriggerDagRun", "dag_id": "d", "run_id": "r"}, [[409, {"detail": "exists"}, {}]]),
    (
        {"type": "TriggerDagRun", "dag_id": "d", "run_id": "r", "reset_dag_run": True},
        [[409, {"detail": "exists"}, {}], ok({})],
    ),
    ({"type": "GetDagRun", "dag_id": "d", "run_id": "r"}, [ok(RUN)]),
    ({"type": "GetDagRunState", "dag_id": "d", "run_id": "r"}, [ok({"state": "success"})]),
    ({"type": "GetDRCount", "dag_id": "d", "run_ids": ["a", "b"], "states": ["success"]}, [ok(2)]),
    ({"type": "GetPreviousDagRun", "dag_id": "d", "logical_date": AT, "state": "success"}, [ok(RUN)]),
    ({"type": "GetPreviousDagRun", "dag_id": "d", "logical_date": AT}, [ok(None)]),
    ({"type": "GetPrevSuccessfulDagRun", "ti_id": TI}, [ok({"data_interval_start": AT})]),
    ({"type": "GetDag", "dag_id": "d"}, [ok(DAG)]),
    ({"type": "GetTICount", "dag_id": "d", "task_ids": ["a"], "logical_dates": [AT], "map_index": 0}, [ok(4)]),
    ({"type": "GetTaskStates", "dag_id": "d", "task_group_id": "g"}, [ok({"task_states": {"r": {"t": "success"}}})]),
    ({"type": "GetPreviousTI", "dag_id": "d", "task_id": "t", "logical_date": AT, "state": "success"}, [ok(None)]),
    ({"type": "GetTaskBreadcrumbs", "dag_id": "d", "run_id": "r"}, [ok({"breadcrumbs": []})]),
    ({"type": "GetTaskRescheduleStartDate", "ti_id": TI, "try_number": 2}, [ok(AT)]),
    ({"type": "GetTaskStateStore", "ti_id": TI, "key": "a/b"}, [ok({"value": 1})]),
    ({"type": "GetTaskStateStore", "ti_id": TI, "key": "a"}, [MISSING]),
    ({"type": "SetTaskStateStore", "ti_id": TI, "key": "a", "value": 1, "expires_at": None}, [ok({})]),
    ({"type": "DeleteTaskStateStore", "ti_id": TI, "key": "a"}, [ok({})]),
    ({"type": "ClearTaskStateStore", "ti_id": TI}, [ok({})]),
    ({"type": "GetAssetStateStoreByName", "name": "n", "key": "a"}, [ok({"value": 1})]),
    ({"type": "GetAssetStateStoreByUri", "uri": "u://x", "key": "a"}, [MISSING]),
    ({"type": "SetAssetStateStoreByName", "name": "n", "key": "a", "value": [1]}, [ok({})]),
    ({"type": "SetAssetStateStoreByUri", "uri": "u://x", "key": "a", "value": None}, [ok({})]),
    ({"type": "DeleteAssetStateStoreByName", "name": "n", "key": "a"}, [ok({})]),
    ({"type": "DeleteAssetStateStoreByUri", "uri": "u://x", "key": "a"}, [ok({})]),
    ({"type": "ClearAssetStateStoreByName", "name": "n"}, [ok({})]),
    ({"type": "ClearAssetStateStoreByUri", "uri": "u://x"}, [ok({})]),
    (
        {"type": "CreateHITLDetailPayload", "ti_id": TI, "options": ["a"], "subject": "s"},
        [ok({"ti_id": TI, "options": ["a"], "subject": "s"})],
    ),
    ({"type": "MaskSecret", "value": "hunter22", "name": None}, []),
]  # fmt: skip


class _Recorded(ExecutionClient):
    """Our client without a network: keeps what would be sent, answers what the case says."""

    def __init__(self, replies: list) -> None:
        self.sent: list = []
        self._replies = iter(replies)
        self._token = Token("t")

    async def _send(self, method, path, *, body=None, params=None, empty=False) -> Reply:
        url = URL(str(_url(f"http://api/{path}", params)), encoded=True)
        sent = None
        if method in ("PUT", "POST", "PATCH") and not empty:
            sent = msgspec.json.decode(msgspec.json.encode(body))
        self.sent.append([method, url.raw_path, sorted(url.query.items()), sent])
        status, content, headers = next(self._replies)
        reply = Reply(status, headers, msgspec.json.encode(content))
        if status >= 400:
            raise _refusal(reply)
        return reply


@pytest.fixture(scope="module")
def compared(runtime_path: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    cases = []
    for message, replies in CASES:
        client = _Recorded(replies)
        body, error = asyncio.run(answer(Asking(ti_id=TI, client=client, mask=Mask()), _as_framed(message)))
        assert error is None, (message, error)
        cases.append(
            {"message": message, "replies": replies, "ours": {"requests": client.sent, "body": body}}
        )
    environment = {
        "AIRFLOW_HOME": str(tmp_path_factory.mktemp("airflow")),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////dev/null/airflow.db",
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "1",
        "PATH": "/usr/bin:/bin",
    }
    told = subprocess.run(
        [str(runtime_path / "bin" / "python"), str(Path(__file__).with_name("airflow_supervisor_says.py"))],
        input=json.dumps(cases),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads(told.stdout.splitlines()[-1])
    return [
        {**case, **each, "asked": case["ours"]["requests"]} for case, each in zip(cases, found, strict=True)
    ]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case[0]["type"] for case in CASES])
def test_same_requests_and_same_meaning(compared: list[dict[str, Any]], number: int) -> None:
    case = compared[number]
    assert [_plain(request) for request in case["asked"]] == [_plain(request) for request in case["requests"]]
    assert case["same"], (case["theirs"], case["ours"])


def test_every_handler_is_compared() -> None:
    assert {message["type"] for message, _ in CASES} == set(HANDLERS) - OURS


def test_an_unknown_message_is_answered_as_airflow_does() -> None:
    body, error = asyncio.run(
        answer(Asking(ti_id=TI, client=_Recorded([]), mask=Mask()), {"type": "GetHITLDetailResponse"})
    )
    assert body is None and error["detail"] == {"status_code": 400, "message": "Unhandled request"}


def test_a_number_that_json_does_not_have_is_never_sent() -> None:
    """Airflow's client raises too; null in its place would be a value that nobody pushed."""
    client = _Recorded([])
    for value in ([1.5, float("nan")], float("inf")):
        message = {"type": "SetXCom", **XCOM, "value": value, "mapped_length": 200}
        body, error = asyncio.run(answer(Asking(ti_id=TI, client=client, mask=Mask()), message))
        assert body is None
        assert "not JSON compliant" in error["detail"]["message"]
    assert client.sent == []


def test_a_server_error_is_an_error_frame() -> None:
    client = _Recorded([[500, {"detail": "broken"}, {}]])
    message = {"type": "GetDagRunState", "dag_id": "d", "run_id": "r"}
    body, error = asyncio.run(answer(Asking(ti_id=TI, client=client, mask=Mask()), message))
    assert body is None
    assert error["error"] == "API_SERVER_ERROR" and error["detail"]["status_code"] == 500
    assert issubclass(ApiRefused, Exception)


def _as_framed(message: dict[str, Any]) -> dict[str, Any]:
    """Instants travel in a frame as msgpack's timestamps, and come out as datetimes."""

    def framed(value: Any) -> Any:
        if isinstance(value, list):
            return [framed(each) for each in value]
        return datetime.fromisoformat(value) if value == AT else value

    return {key: framed(value) for key, value in message.items()}


def _plain(request: list) -> list:
    """Airflow's client leaves a few characters unquoted where ours quotes: the server reads the same."""
    method, path, query, body = request
    pairs = sorted((key, value) for key, value in query)
    if isinstance(body, dict):
        body = {key: value for key, value in body.items() if key != "type" and value not in (None, False)}
    return [method, unquote(path), pairs, body]
