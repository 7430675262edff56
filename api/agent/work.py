"""What the gateway does for an agent, as plain functions on threads: one translation, one service call.

The thin ledger (which tenant has work) is read as the scheduler's role; everything of a tenant is done as
the application's role inside that tenant's scope, one transaction per tenant.
"""

from __future__ import annotations

import time
from collections import defaultdict
from uuid import UUID

import structlog
from django.db import DatabaseError, DataError, InterfaceError

from api.agent.refused import record_registered
from api.agent.wiring import PAYLOADS
from controlplane.execution import log_room, logs, report, tokens
from controlplane.executors.agents import beat_agent, current_agent, register_agent
from controlplane.executors.local import AgentRef, claim_other, claim_tasks, waiting_tenants
from controlplane.foundation.clock import utc_now
from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import ORDERS, notify
from controlplane.ledger.queries import running_tries
from controlplane.maintenance.measured import put_measured
from controlplane.triggerer.claim import claim_triggers
from domain.fairness import credits_after, order_tenants
from taskwire.agent import (
    Beat,
    BeatResult,
    Claim,
    Claimed,
    LogBatch,
    LogResult,
    Register,
    Registered,
    Report,
    ReportBatch,
    ReportResult,
    Verdict,
)
from taskwire.workload import Workload
from tenants.scope import tenant_scope
from tenants.tenant_names import slug_of

log = structlog.get_logger("gateway")

THIN = "scheduler"
BEAT_SECONDS = 1.0
LEASE_SECONDS = 10.0
QUANTUM = 4
SORTS = {
    "task": ("task",),
    "other": ("parse", "build", "timetable"),
    "callback": ("callback", "conn_test"),
    "trigger": ("trigger",),
}
"""Which kinds of workload are claimed together, in slots of their own."""
MOST = {"other": 1, "callback": 2}
"""How many of one tenant are given out at once."""
MOST_TRIGGERS = 100
"""How many triggers one claim gives out: agents that ask at the same time share them."""
REFRESH_SECONDS = 150.0
ENDS_TURN = ("parsed", "built", "timetabled", "callback_done", "connection_tested")
"""Operations after which the tenant's next work of that sort may be given out."""
_credits: dict[str, dict[UUID, float]] = {}
"""What tenants that were passed over have earned, per kind of work (`domain.fairness`)."""
_issued_at: dict[tuple[str, int], float] = {}


def register(message: Register) -> Registered:
    """A new agent process: what an older one of the same name still held is lost, and found at once."""
    row_id, epoch = register_agent(message=message, lease_seconds=LEASE_SECONDS, using=THIN)
    record_registered(agent_id=UUID(str(row_id)), message=message)
    notify("rescue", using=THIN)
    notify("work", using=THIN)  # tasks in a queue that nobody served may have waited for this agent
    return Registered(
        agent_id=str(row_id), epoch=epoch, lease_seconds=LEASE_SECONDS, beat_seconds=BEAT_SECONDS
    )


def claim(message: Claim) -> Claimed:
    """Work for this agent now, fairly over tenants; empty when there is none (the caller waits and asks again)."""
    agent = current_agent(agent_id=message.agent_id, epoch=message.epoch, using=THIN)
    waiting: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
    active: defaultdict[str, dict[UUID, int]] = defaultdict(dict)
    for tenant_id, kind, count, running in waiting_tenants(using=THIN):
        if kind in MOST:
            # A file that never loads, a long build or a callback that hangs holds up its own tenant only.
            count = min(count, MOST[kind] - running)
        if count > 0:
            waiting[kind][tenant_id], active[kind][tenant_id] = count, running
    out: list[Workload] = []
    rooms = {
        "task": message.slots,
        "other": message.parse_slots,
        "callback": message.callback_slots,
        "trigger": min(message.trigger_slots, MOST_TRIGGERS),
    }
    for kind, room in rooms.items():
        while room > 0 and waiting[kind]:
            turns = order_tenants(
                waiting=waiting[kind],
                active=active[kind],
                weights={},
                quantum=QUANTUM,
                credits=_credits.get(kind),
            )
            asked, served = dict(waiting[kind]), {}
            if len(turns) == 1:
                turns = [type(turns[0])(turns[0].tenant, room)]
            for turn in turns:
                most = min(room, turn.allowance)
                if kind in MOST:
                    most = min(most, waiting[kind][turn.tenant])
                try:
                    got = _claim(kind, turn.tenant, agent, most)
                except (DatabaseError, InterfaceError):
                    if not out:
                        raise
                    log.exception("claim.failed", tenant=str(turn.tenant))
                    return Claimed(workloads=out)  # what is claimed must be told
                except Exception:
                    # One tenant's work that cannot be given out hides no other's.
                    log.exception("claim.failed", tenant=str(turn.tenant))
                    got = []
                out += got
                room -= len(got)
                served[turn.tenant] = len(got)
                waiting[kind][turn.tenant] -= len(got)
                active[kind][turn.tenant] += len(got)
                if not got or waiting[kind][turn.tenant] <= 0:
                    del waiting[kind][turn.tenant]
                if room <= 0:
                    break
            _credits[kind] = credits_after(
                waiting=asked, served=served, weights={}, quantum=QUANTUM, credits=_credits.get(kind)
            )
    if out:
        crashpoint("executors.claim.after_commit")
    return Claimed(workloads=out)


def _claim(kind: str, tenant_id: UUID, agent: AgentRef, batch: int) -> list[Workload]:
    with tenant_scope(tenant_id):
        slug, now = slug_of(tenant_id), utc_now()
        if kind == "task":
            return claim_tasks(
                tenant_id=tenant_id,
                slug=slug,
                agent=agent,
                batch=batch,
                now=now,
                issue_token=tokens.issue,
                log_place=logs.log_place,
                using="default",
            )
        if kind == "trigger":
            return claim_triggers(
                tenant_id=tenant_id,
                slug=slug,
                agent=agent,
                batch=batch,
                now=now,
                issue_token=tokens.issue,
                log_place=logs.log_place,
                using="default",
            )
        return claim_other(
            tenant_id=tenant_id,
            slug=slug,
            agent=agent,
            batch=batch,
            kinds=SORTS[kind],
            payloads=PAYLOADS,
            now=now,
            using="default",
        )


def report_batch(message: ReportBatch) -> ReportResult:
    """Each tenant's reports in a transaction of their own; answered after all commits."""
    by_tenant: defaultdict[str, list[Report]] = defaultdict(list)
    for one in message.reports:
        by_tenant[one.tenant_id].append(one)
    verdicts: list[Verdict] = []
    for tenant_id, reports in by_tenant.items():
        verdicts += _apply(UUID(tenant_id), reports)
    crashpoint("execution.report.after_commit")
    return ReportResult(verdicts=verdicts)


def _apply(tenant_id: UUID, reports: list[Report]) -> list[Verdict]:
    """One transaction, or, when the database cannot take a value in one of them, one each."""
    try:
        with tenant_scope(tenant_id):
            if any(op.kind in ENDS_TURN for one in reports for op in one.operations):
                notify(ORDERS)
            return report.apply(reports=reports, now=utc_now())
    except (DataError, ValueError) as error:
        if len(reports) > 1:
            return [verdict for one in reports for verdict in _apply(tenant_id, [one])]
        log.warning("report.not_storable", id=reports[0].id, epoch=reports[0].epoch, error=repr(error))
        refused = Verdict(
            id=reports[0].id,
            epoch=reports[0].epoch,
            verdict="refused",
            reason="invalid",
            message=str(error).strip(),
        )
        return [refused]


def beat(message: Beat) -> BeatResult:
    """The agent lives; which of its attempts must stop, and fresh tokens for those that run long."""
    stop = beat_agent(message=message, lease_seconds=LEASE_SECONDS, using=THIN)
    put_measured(rows=message.measured)
    return BeatResult(stop=stop, tokens=_fresh_tokens(message))


def _fresh_tokens(message: Beat) -> dict[str, str]:
    """Per-try tokens long before they expire. A restart of this process only delays them within their life."""
    now = time.monotonic()
    held = {(run[1], run[2]): run[0] for run in message.running}
    for key in [key for key in _issued_at if key not in held]:
        del _issued_at[key]
    due: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for key, tenant_id in held.items():
        if now - _issued_at.setdefault(key, now) > REFRESH_SECONDS:
            due[tenant_id].append(key)
    fresh: dict[str, str] = {}
    for tenant_id, keys in due.items():
        with tenant_scope(UUID(tenant_id)):
            for row_id, epoch, try_number in running_tries(ids=[UUID(key[0]) for key in keys]):
                fresh[str(row_id)] = tokens.issue(
                    tenant_id=UUID(tenant_id),
                    task_instance_id=row_id,
                    epoch=epoch,
                    try_number=try_number,
                    now=utc_now(),
                )
                _issued_at[str(row_id), epoch] = now
    return fresh


def store_logs(message: LogBatch) -> LogResult:
    """Log bytes at their offsets. A key must lie in the folder of the tenant that the segment names."""
    current_agent(agent_id=message.agent_id, epoch=message.epoch, using=THIN, any_epoch=True)
    stored: dict[str, int] = {}
    full: list[str] = []
    for segment in message.segments:
        tenant_id = UUID(segment.tenant_id)
        if not segment.key.startswith(f"{tenant_id}/"):
            raise PermissionError("the log key is not in the tenant's folder")
        stored[segment.key], is_full = log_room.append(
            tenant_id=tenant_id, key=segment.key, offset=segment.offset, data=segment.data, now=utc_now()
        )
        if is_full:
            full.append(segment.key)
    return LogResult(stored=stored, full=full)
