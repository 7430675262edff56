"""Attempts report: rendered fields, XComs, skips, and how they end. One transaction for a tenant's reports.

Before: inside the tenant's scope. After: everything each report says is written, or nothing of it; the
scheduler is told at commit. The answer is built after the writes and sent after the commit: nothing is
acknowledged before it is true. A report told twice is accepted twice and written once.
Called by the gateway (agents) and by `api/execution` (Airflow's own supervisors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.execution.outcome import OutcomeInvalid, RetryFacts, outcome_of
from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute, notify, uuid_or_none
from controlplane.ledger import transitions
from controlplane.ledger.transitions import Outcome, XComWrite
from taskwire.agent import Operation, Report, Verdict
from tenants.scope import current_tenant

Handler = Callable[..., None]
OTHER_WORK: dict[str, Handler] = {}
"""`parsed` and `built` are of other stations: the door that serves agents registers their handlers here.
Each takes (id, epoch, body, now, using)."""


@dataclass(slots=True)
class _Batch:
    """Reports of one tenant, sorted into what each statement takes."""

    xcoms: list[XComWrite] = field(default_factory=list)
    rendered: list[tuple[UUID, int, dict[str, Any]]] = field(default_factory=list)
    skips: list[tuple[UUID, int, list[tuple[str, int | None]]]] = field(default_factory=list)
    labels: list[tuple[UUID, int, str]] = field(default_factory=list)
    back: list[tuple[UUID, int]] = field(default_factory=list)
    other: list[tuple[UUID, int, Operation]] = field(default_factory=list)


def apply(*, reports: Sequence[Report], now: datetime, using: str = "default") -> list[Verdict]:
    """Write what these reports of the current tenant say; one verdict each, in their order."""
    batch, verdicts = _Batch(), {}
    known: list[tuple[UUID, int, Report]] = []
    for report in reports:
        row_id = uuid_or_none(report.id)
        if row_id is None:
            verdicts[id(report)] = _refused(report, "unknown", "the id is not a UUID")
        else:
            known.append((row_id, report.epoch, report))
    facts = _facts([k[0] for k in known], using) if any(_needs_facts(k[2]) for k in known) else {}
    outcomes: list[Outcome] = []
    for row_id, epoch, report in known:
        try:
            outcomes += _sort(row_id, epoch, report, facts, batch, now)
        except OutcomeInvalid as error:
            verdicts[id(report)] = _refused(report, "invalid", str(error))
    _write(batch, now, using)
    moved = transitions.finish_tasks(outcomes=outcomes, now=now, using=using) if outcomes else set()
    if batch.back:
        moved |= transitions.hand_back_tasks(attempts=batch.back, now=now, using=using)
    wanted = {o.id: o.state for o in outcomes}
    stuck = [(r, e, p) for r, e, p in known if id(p) not in verdicts and r not in moved and _is_task(p)]
    stored = _stored([(r, e) for r, e, _ in stuck], using) if stuck else {}
    for row_id, epoch, report in stuck:
        verdicts[id(report)] = _verdict(report, epoch, wanted.get(row_id), stored.get(row_id))
    for _, _, report in known:
        verdicts.setdefault(id(report), Verdict(id=report.id, epoch=report.epoch, verdict="accepted"))
    if moved or batch.skips or batch.other:
        notify("work", str(current_tenant(using=using)), using=using)
    crashpoint("execution.report.before_commit")
    return [verdicts[id(report)] for report in reports]


def _is_task(report: Report) -> bool:
    return not any(op.kind in OTHER_WORK for op in report.operations)


def _needs_facts(report: Report) -> bool:
    return any(op.kind == "state" and op.body.get("state") == "up_for_retry" for op in report.operations)


def _sort(
    row_id: UUID, epoch: int, report: Report, facts: dict[UUID, RetryFacts], batch: _Batch, now: datetime
) -> list[Outcome]:
    """Put each operation where its statement finds it. Raises OutcomeInvalid before anything is added."""
    outcomes = [
        outcome_of(task_instance=row_id, epoch=epoch, body=op.body, facts=facts.get(row_id), now=now)
        for op in report.operations
        if op.kind == "state"
    ]
    if len(outcomes) > 1:
        raise OutcomeInvalid("a report may hold one state only")
    for op in report.operations:
        body = op.body
        if op.kind == "xcom_set":
            batch.xcoms.append(
                XComWrite(row_id, epoch, body["key"], body["value"], body.get("mapped_length"))
            )
        elif op.kind == "rendered_fields":
            batch.rendered.append((row_id, epoch, body["rendered_fields"]))
        elif op.kind == "skip_downstream":
            tasks = [(t, None) if isinstance(t, str) else (t[0], t[1]) for t in body["tasks"]]
            batch.skips.append((row_id, epoch, tasks))
        elif op.kind == "handed_back":
            batch.back.append((row_id, epoch))
        elif op.kind == "rendered_map_index":
            batch.labels.append((row_id, epoch, str(body["rendered_map_index"])[:250]))
        elif op.kind in OTHER_WORK:
            batch.other.append((row_id, epoch, op))
        elif op.kind != "state":
            raise OutcomeInvalid(f"operation {op.kind!r} is unknown")
    return outcomes


def _write(batch: _Batch, now: datetime, using: str) -> None:
    if batch.xcoms:
        transitions.put_xcoms(writes=batch.xcoms, now=now, using=using)
    if batch.rendered:
        transitions.put_rendered(fields=batch.rendered, using=using)
    for row_id, epoch, label in batch.labels:
        transitions.label_task(task_instance=row_id, epoch=epoch, label=label, using=using)
    for row_id, epoch, tasks in batch.skips:
        transitions.skip_tasks(by=row_id, epoch=epoch, tasks=tasks, now=now, using=using)
    for row_id, epoch, op in batch.other:
        OTHER_WORK[op.kind](id=row_id, epoch=epoch, body=op.body, now=now, using=using)


def _facts(ids: list[UUID], using: str) -> dict[UUID, RetryFacts]:
    rows = execute("ledger/sql/read_attempts.sql", using=using, ids=ids)
    return {
        row[0]: RetryFacts(row[2], row[3], row[4], row[5], row[6], row[7], row[8], row[9]) for row in rows
    }


def _stored(attempts: list[tuple[UUID, int]], using: str) -> dict[UUID, tuple[int, str | None, str | None]]:
    rows = execute(
        "ledger/sql/read_outcomes.sql",
        using=using,
        ids=[a[0] for a in attempts],
        epochs=[a[1] for a in attempts],
    )
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def _verdict(
    report: Report, epoch: int, wanted: str | None, stored: tuple[int, str | None, str | None] | None
) -> Verdict:
    """Why nothing moved: told before (accepted), still running with no state in the report (accepted), or not ours."""
    if stored is None:
        return _refused(report, "unknown", "there is no such task instance")
    now_epoch, now_state, tried = stored
    if wanted is None and now_epoch == epoch and now_state == "running":
        return Verdict(id=report.id, epoch=epoch, verdict="accepted")
    if wanted is not None and (tried == wanted or (now_epoch == epoch and now_state == wanted)):
        return Verdict(id=report.id, epoch=epoch, verdict="accepted", reason="known")
    if now_epoch != epoch:
        return _refused(report, "superseded", f"epoch {now_epoch} is current", now_state)
    return _refused(report, "finished", "another outcome is stored", now_state)


def _refused(report: Report, reason: str, message: str, stored: str | None = None) -> Verdict:
    return Verdict(
        id=report.id, epoch=report.epoch, verdict="refused", reason=reason, message=message, stored=stored
    )
