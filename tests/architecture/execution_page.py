"""Writes docs/reference/task-execution-api.md: Airflow's operations, from its stored list, and what answers each here.

Run `.venv/bin/python -m tests.architecture.execution_page` with `platform`, `.` and `runtime` on PYTHONPATH after
a change of the URL table; test_docs.py fails until then. Needs no database.
"""

from __future__ import annotations

import json
import re

from tests.architecture.source_files import ROOT

PAGE = ROOT / "docs" / "reference" / "task-execution-api.md"
STORED = ROOT / "tests" / "fixtures" / "execution_operations.json"
_STAGES = {"RUNNING": "running", "SETTLING": "running, or just over", "WHOLE": "queued, running, or just over",
           "ANY": "any"}  # fmt: skip
REFUSED = "connection_tests"
"""The module whose endpoints answer as Airflow answers a task: 403."""

_HEAD = """\
# Task Execution API

<!-- Made from the URL table and Airflow's own by `python -m tests.architecture.execution_page`. Change it there. -->

Airflow's Task Execution API, version `{newest}` (Airflow 3.3.2, Task SDK 1.3.2), is served at `/execution/`. Our
own agents use it for what a task asks while it runs; Airflow's supervisor, unmodified, and the SDKs of other
languages can use all of it. Paths, bodies, status codes and error bodies are Airflow's.

## Versions

A client names its version in `Airflow-API-Version`; a date between two versions means the earlier one, and without
the header the newest answers. Served are {versions}. What came later does not exist for an older client (404, or
405 where the path has another method), and answers are worded as they were.

## Tokens

`Authorization: Bearer …` carries a token for one attempt of one task instance: signed with Ed25519 (`typ:
cp-task+jwt`, `aud: urn:aerodrome:execution`), 10 minutes long, with `tid` (tenant), `sub` (task instance), `epoch`,
`try` and `jti`. Once half of its life is gone, answers to a running attempt bring a new one in
`Refreshed-API-Token`. The tenant comes from the token, never from the path, and scopes every row.

Each call compares the token with the task instance's row:

| the attempt is | calls about itself | other calls |
|---|---|---|
| running | yes | yes |
| queued | `run` | reading one connection or variable: remote logs come first |
| over for less than 30 s | `rtif`, what it keeps | reading, XComs, variables: callbacks and extra links come last |
| over | 410; `state` told again 200, `heartbeat`, another `state` and `run` 409 | 403 |
| superseded by another attempt | 410; `run` and `state` 409 | 403 |

No token: 401. A token that is not ours or whose time is over: 403. Another task instance's token on a path that
names one: 403.

## Operations

Every operation that Airflow's own app has, in the order of its paths. "Since" is the version that brought it;
"attempt" says at which stage of its life an attempt may call, "own" that it may only name itself.

| method | path | since | attempt | own | answer |
|---|---|---|---|---|---|
"""
_TAIL = """
Different from Airflow, on purpose: `dag_result` on an XCom is accepted and not kept; a task cannot trigger runs,
beat or change task states once its own attempt is over; bodies above 128 MiB are refused with 413.
`connection-tests/…` is for workers that try connections out: nothing here gives them such work, so there is no
token that opens it, and a task gets the answer that Airflow gives a task.

## How large an XCom may be

The size of an XCom is that of its JSON.

| size | what becomes of it | setting |
|---|---|---|
| up to 1 MiB | kept in the database | `AERODROME_XCOM_INLINE_BYTES` |
| above | kept as an object in `AERODROME_STORE`; every read gives the value | `AERODROME_XCOM_OVER_INLINE=spill` |
| above, where that is the policy | refused | `AERODROME_XCOM_OVER_INLINE=refuse` |
| above 32 MiB | refused | `AERODROME_XCOM_MAX_BYTES` |

A refused XCom fails its task: 413 with `{"detail": {"reason": "xcom_too_large", "message": …}}`, and the task's log
names the key, the size, the bound and what to do instead: write the data to object storage or a table, and push
where it is. The same is said of values that are no JSON for a database: NaN, infinities, NUL characters. What the
task pushed before stays. What a branch chose is always kept in the database. To keep large data out altogether, let
tasks use an XCom backend of their own (Airflow's `[core] xcom_backend`): then only its references come here. The
decision is [ADR 0021](../adr/0021-large-xcoms-are-objects.md).

## What a task keeps for its later tries

`store/ti/…` is Airflow's task state store: values of one task and map index of one run, which all its tries share.
They go with the run, or soon after their `expires_at` (Airflow's client sends one 30 days ahead unless it is told
otherwise): one work item per tenant names the first such instant, and a thousand values at most go in one
transaction.
"""


def page() -> str:
    """The whole page. Django must be set up."""
    from api.execution.versions import NEWEST, VERSIONS

    operations: dict[str, list[str]] = json.loads(STORED.read_text())
    since = {name: version for version in sorted(operations, reverse=True) for name in operations[version]}
    shown = ", ".join(f"`{version}`" for version in VERSIONS)
    rows = [_row(*name.split(), since[name]) for name in operations[NEWEST]]
    return _HEAD.format(newest=NEWEST, versions=shown) + "\n".join(rows) + "\n" + _TAIL


def _row(method: str, path: str, since: str) -> str:
    from django.urls import resolve

    some = re.sub(r"\{\w+(:path)?\}", "1", path)
    view = resolve(f"/execution{some}").func
    path = path.replace(":path}", "}")[1:]
    if not hasattr(view, "rules"):
        return f"| {method} | `{path}` | {since} | no token | | served |"
    rule, endpoint = view.rules[method], view.endpoints[method]
    refused = endpoint.__module__.endswith(REFUSED)
    answer = "403 for every task, as in Airflow" if refused else "served"
    return f"| {method} | `{path}` | {since} | {_STAGES[rule.stage.name]} | {'yes' if rule.own else ''} | {answer} |"


if __name__ == "__main__":
    from tests.support import session  # noqa: F401  gives Django its settings

    PAGE.write_text(page(), encoding="utf-8")
