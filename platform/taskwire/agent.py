"""The agent's protocol: register, claim, beat, report, log. JSON or msgpack bodies over HTTP.

    POST /agent/v1/register   Register      -> Registered
    POST /agent/v1/claim      Claim         -> Claimed      (waits up to wait_seconds for work)
    POST /agent/v1/report     ReportBatch   -> ReportResult (answered after the commit, never before)
    POST /agent/v1/beat       Beat          -> BeatResult
    POST /agent/v1/triggers   TriggerBeat   -> BeatResult
    POST /agent/v1/logs       LogBatch      -> LogResult
    GET  /agent/v1/bundles/{digest}         -> the artefact (application/x-tar), `Content-Length` known

Every request carries `Authorization: Bearer <agent token>`; bodies are msgpack
(`Content-Type: application/msgpack`). An answer other than 2xx is problem+json. A batch may hold work of
several tenants: each tenant's part is one transaction of its own.
"""

from __future__ import annotations

from typing import Any

import msgspec

from taskwire.dagspec import Struct
from taskwire.parsing import ParseReport
from taskwire.workload import Workload


class Register(Struct, kw_only=True):
    """Sent at start and after `410 Gone`. A new register of the same name replaces the old one (epoch + 1)."""

    name: str
    wire_version: str
    slots: int
    hostname: str
    pid: int
    level: str = "L1"
    """Isolation level computed from probes: L3, L2 or L1."""
    level_detail: dict[str, Any] = {}
    queues: list[str] = msgspec.field(default_factory=lambda: ["default"])
    airflow_versions: list[str] = []


class Registered(Struct, kw_only=True):
    agent_id: str
    epoch: int
    lease_seconds: float
    beat_seconds: float


class Claim(Struct, kw_only=True):
    """Ask for at most `slots` task workloads, `parse_slots` parse or build workloads, `callback_slots` callbacks."""

    agent_id: str
    epoch: int
    slots: int
    parse_slots: int = 1
    callback_slots: int = 0
    trigger_slots: int = 0
    """Triggers are asked for alone: how many more this agent's triggerer may hold."""
    wait_seconds: float = 20.0


class Claimed(Struct, kw_only=True):
    """Workloads that are now *running* in the ledger under this agent: claiming is starting."""

    workloads: list[Workload] = []


class Operation(Struct, kw_only=True):
    """One thing a running attempt did, in order. `kind` and what `body` holds:

    - `rendered_fields`: {"rendered_fields": {...}}
    - `rendered_map_index`: {"rendered_map_index": str}
    - `xcom_set`: {"key", "value", "dag_id", "run_id", "task_id", "map_index", "mapped_length", "dag_result"}
    - `skip_downstream`: {"tasks": [task_id | [task_id, map_index], ...]}
    - `state`: the Execution API's state payload: {"state": "success" | "failed" | "skipped" |
      "up_for_retry" | "up_for_reschedule" | "deferred" | "awaiting_input", "end_date", ...}; plus, when the
      process died instead of saying so, {"died": {"reason", "exit_code", "signal", "limit", "peak_bytes"}}
    - `parsed`: ParseReport as dict; `built`: {"runtime_digest", "ok", "message", "log"}
    - `callback_begun`: {} the author's code runs next; `callback_done`: {"state": "success" | "failed", "message"}
    - `trigger_event`: {"payload"} as the SDK's serde encodes it: the task resumes; or {"ends": "success" | "failed" |
      "skipped", "xcoms"}: it ends without a worker; `trigger_failed`: {"traceback": [line] | None, "error"}: it
      resumes to fail; `trigger_released`: {} the agent ends, another may have the trigger. An asset watcher's event
      has a {"key"}: a report sent again is no second event; after its `trigger_failed` it begins anew by itself
    - `handed_back`: {} the agent stops before user code ran: the attempt is queued again, no try is spent
    """

    kind: str
    body: dict[str, Any] = {}


class Report(Struct, kw_only=True):
    """Operations of one attempt. All of them, or none, are committed."""

    id: str
    tenant_id: str
    epoch: int
    operations: list[Operation]


class ReportBatch(Struct, kw_only=True):
    agent_id: str
    epoch: int
    reports: list[Report]


class Verdict(Struct, kw_only=True):
    """`accepted` (committed now or, the very same, before), or `refused` with a reason: `superseded`
    (another epoch runs), `finished` (a different outcome is stored: `stored`), `unknown`, `invalid`."""

    id: str
    epoch: int
    verdict: str
    reason: str = ""
    stored: str | None = None
    message: str = ""


class ReportResult(Struct, kw_only=True):
    verdicts: list[Verdict]


class Beat(Struct, kw_only=True):
    """Everything the agent holds right now: what it does not name any more counts as lost after a grace."""

    agent_id: str
    epoch: int
    running: list[tuple[str, str, int]] = []
    """(tenant_id, id, epoch) of each attempt."""
    usage: dict[str, Any] = {}
    measured: list[tuple[str, str, int, float, int, float]] = []
    """(tenant_id, id, epoch, processor seconds, peak bytes, seconds it lived) of attempts whose processes are gone;
    said again until a beat is answered, and counted once."""


class TriggerBeat(Struct, kw_only=True):
    """Every few seconds: all triggers that the agent holds. What it does not name counts as lost after a grace."""

    agent_id: str
    epoch: int
    held: list[tuple[str, str, int]] = []
    """(tenant_id, id, epoch) of each."""


class BeatResult(Struct, kw_only=True):
    """`stop`: attempts that the agent must end now: (id, epoch, why)."""

    stop: list[tuple[str, int, str]] = []
    tokens: dict[str, str] = {}
    """Refreshed per-try tokens by attempt id, for those about to expire."""


class LogSegment(Struct, kw_only=True):
    """Bytes of one log at an offset: writing the same segment twice changes nothing."""

    tenant_id: str
    id: str
    epoch: int
    key: str
    offset: int
    data: bytes


class LogBatch(Struct, kw_only=True):
    agent_id: str
    epoch: int
    segments: list[LogSegment]


class LogResult(Struct, kw_only=True):
    """Bytes now stored per key; the agent resends from there. A key in `full` takes no more: the tenant keeps as many
    bytes of logs as it may, and the log's last line says so."""

    stored: dict[str, int]
    full: list[str] = []


__all__ = [
    "Beat",
    "BeatResult",
    "Claim",
    "Claimed",
    "LogBatch",
    "LogResult",
    "LogSegment",
    "Operation",
    "ParseReport",
    "Register",
    "Registered",
    "Report",
    "ReportBatch",
    "ReportResult",
    "TriggerBeat",
    "Verdict",
]
