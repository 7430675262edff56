"""Attempts report: rendered fields, XComs, skips, and how they end. One transaction for a tenant's reports.

Before: inside the tenant's scope. After: everything each report says is written, or nothing of it; the
scheduler is told at commit. The answer is built after the writes and sent after the commit: nothing is
acknowledged before it is true. A report told twice is accepted twice and written once.
Called by the gateway (agents) and by `api/execution` (Airflow's own supervisors).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import transaction

from controlplane.execution import emitting, large_xcoms
from controlplane.execution.deferring import park
from controlplane.execution.operations import Said, read_report
from controlplane.execution.outcome import OutcomeInvalid, RetryFacts
from controlplane.execution.xcom_room import XComsFull, take_room
from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute, notify, uuid_or_none
from controlplane.ledger import transitions
from controlplane.ledger.clearing import let_go
from taskwire.agent import Report, Verdict
from tenants.scope import current_tenant

log = structlog.get_logger("execution")

Handler = Callable[..., None]
OTHER_WORK: dict[str, Handler] = {}
"""`parsed` and `built` are of other stations: the door that serves agents registers their handlers here.
Each takes (id, epoch, body, now, using)."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What the ledger holds of an attempt that did not move. `tried`: how its own try ended, when stored.
    `stop`: why its agent is to stop it."""

    epoch: int
    state: str | None
    tried: str | None
    died: bool
    stop: str | None


def apply(*, reports: Sequence[Report], now: datetime, using: str = "default") -> list[Verdict]:
    """Write what these reports of the current tenant say; one verdict each, in their order.

    The reports are sorted so that every transaction takes its locks in one order: instances by id, then runs.
    """
    verdicts: dict[int, Verdict] = {}
    said: dict[int, Said] = {}
    ids = {id(report): uuid_or_none(report.id) for report in reports}
    facts = _facts([i for r in reports if _retries(r) and (i := ids[id(r)])], using)
    for report in reports:
        row_id = ids[id(report)]
        try:
            if row_id is None:
                verdicts[id(report)] = _refused(report, "unknown", "the id is not a UUID")
                continue
            if _retries(report) and row_id not in facts:
                verdicts[id(report)] = _refused(report, "unknown", "there is no such task instance")
                continue
            said[id(report)] = read_report(
                task_instance=row_id,
                report=report,
                facts=facts.get(row_id),
                other_kinds=OTHER_WORK,
                now=now,
            )
            if xcoms := said[id(report)].xcoms:
                take_room(size=sum(write.size for write in xcoms), using=using)
        except (OutcomeInvalid, XComsFull) as error:
            said.pop(id(report), None)
            verdicts[id(report)] = _refused(report, "invalid", str(error))
    moved, let = _write(list(said.values()), now, using)
    for report in reports:
        if (one := said.get(id(report))) and one.other:
            verdicts[id(report)] = _hand_over(report, one, now, using)
    stuck = {
        key: one
        for key, one in said.items()
        if key not in verdicts
        # An attempt that ended just now had nobody else: what it said without a state is written too.
        and not ((ended := moved.get((one.id, one.epoch))) and (ended is one or one.wanted is None))
    }
    stored = _stored(list(stuck.values()), using)
    for report in reports:
        if one := stuck.get(id(report)):
            key = (one.id, one.epoch)
            verdicts[id(report)] = _verdict(report, one, stored.get(key), let.get(key))
        verdicts.setdefault(id(report), Verdict(id=report.id, epoch=report.epoch, verdict="accepted"))
    invalid = [r for r in reports if verdicts[id(r)].reason == "invalid" and ids[id(r)]]
    if invalid:
        execute(
            "execution/sql/note_heard.sql",
            using=using,
            ids=[ids[id(r)] for r in invalid],
            epochs=[r.epoch for r in invalid],
        )
    if moved or any(one.skips or one.other for one in said.values()):
        notify("work", str(current_tenant(using=using)), using=using)
    crashpoint("execution.report.before_commit")
    return [verdicts[id(report)] for report in reports]


def _retries(report: Report) -> bool:
    return any(op.kind == "state" and op.body.get("state") == "up_for_retry" for op in report.operations)


def _write(
    said: list[Said], now: datetime, using: str
) -> tuple[dict[tuple[UUID, int], Said], dict[tuple[UUID, int], str]]:
    """All that is of tasks; which reports ended their attempt, and which ended after they had been told to stop,
    and why. Of two endings of one attempt the first counts."""
    said = sorted(said, key=lambda one: one.id)
    xcoms = large_xcoms.placed([write for one in said for write in one.xcoms], using=using)
    with_more = [one.id for one in said if one.xcoms or one.rendered or one.labels or one.skips]
    skips = [skip for one in said for skip in one.skips]
    if skips:
        # Runs before instances, as whoever changes them by hand.
        execute("ledger/sql/lock_runs.sql", using=using, ids=[skip.by for skip in skips])
    if with_more:
        # What an attempt pushed and how it ended are one: nobody takes it over in between.
        transitions.lock_attempts(ids=[one.id for one in said], using=using)
    if xcoms:
        transitions.put_xcoms(writes=xcoms, now=now, using=using)
    if rendered := [fields for one in said for fields in one.rendered]:
        transitions.put_rendered(fields=rendered, using=using)
    for row_id, epoch, label in (label for one in said for label in one.labels):
        transitions.label_task(task_instance=row_id, epoch=epoch, label=label, using=using)
    if skips:
        transitions.skip_tasks(skips=skips, now=now, using=using)
    ending: dict[tuple[UUID, int], Said] = {}
    for one in said:
        if one.wanted is not None:
            ending.setdefault((one.id, one.epoch), one)
    moved: set[tuple[UUID, int]] = set()
    if outcomes := [one.outcome for one in ending.values() if one.outcome]:
        moved |= transitions.finish_tasks(outcomes=outcomes, now=now, using=using)
        _park([ending[key] for key in moved], now, using)
    if back := [key for key, one in ending.items() if one.back]:
        moved |= transitions.hand_back_tasks(attempts=back, now=now, using=using)
    ended_late = [key for key in ending if key not in moved]
    let = let_go(attempts=ended_late, now=now, using=using) if ended_late else {}
    if let:
        # Its process was told to stop, and has: what waited for that may go on.
        notify("work", str(current_tenant(using=using)), using=using)
    if emitted := [one.emitted for key, one in ending.items() if one.emitted and key in moved]:
        emitting.record(emitted=emitted, now=now, using=using)
    return {key: ending[key] for key in moved}, let


def _park(moved: list[Said], now: datetime, using: str) -> None:
    """Those that only pause: nobody holds a slot for them."""
    deferrals = [one.deferral for one in moved if one.deferral]
    questions = [
        (one.id, one.outcome.due_at) for one in moved if one.outcome and one.outcome.state == "awaiting_input"
    ]
    if deferrals or questions:
        park(deferrals=deferrals, questions=questions, now=now, using=using)


def _hand_over(report: Report, said: Said, now: datetime, using: str) -> Verdict:
    """Work of other stations, each report on its own: what one of them cannot take stops no other."""
    try:
        with transaction.atomic(using=using):
            for op in said.other:
                OTHER_WORK[op.kind](id=said.id, epoch=said.epoch, body=op.body, now=now, using=using)
    except LookupError as error:
        log.warning("report.refused", id=report.id, epoch=report.epoch, error=repr(error))
        return _refused(report, "unknown", str(error))
    except ValueError as error:
        log.warning("report.refused", id=report.id, epoch=report.epoch, error=repr(error))
        return _refused(report, "invalid", str(error))
    return Verdict(id=report.id, epoch=report.epoch, verdict="accepted")


def _facts(ids: list[UUID], using: str) -> dict[UUID, RetryFacts]:
    rows = execute("ledger/sql/read_attempts.sql", using=using, ids=ids) if ids else []
    return {row[0]: RetryFacts(*row[2:10]) for row in rows}


def _stored(said: list[Said], using: str) -> dict[tuple[UUID, int], _Stored]:
    if not said:
        return {}
    rows = execute(
        "ledger/sql/read_outcomes.sql",
        using=using,
        ids=[one.id for one in said],
        epochs=[one.epoch for one in said],
    )
    return {(row[0], row[1]): _Stored(*row[2:7]) for row in rows}


def _verdict(report: Report, said: Said, stored: _Stored | None, let: str | None) -> Verdict:
    """Why nothing moved: it says no state and may still write (accepted), was told before (accepted), or is not ours.

    `let`: the attempt has just ended because of this. Whoever reports hears it: no beat may come to say so.
    """
    if stored is None:
        return _refused(report, "unknown", "there is no such task instance")
    speaks = stored.state not in (None, "scheduled", "queued") and not stored.died
    if said.wanted is None and stored.epoch == report.epoch and (stored.state == "running" or speaks):
        return Verdict(id=report.id, epoch=report.epoch, verdict="accepted")
    told = stored.tried == said.wanted or (stored.epoch == report.epoch and stored.state == said.wanted)
    if said.wanted is not None and told:
        return Verdict(id=report.id, epoch=report.epoch, verdict="accepted", reason="known")
    if stored.epoch != report.epoch:
        why = let or stored.stop or f"epoch {stored.epoch} is current"
        return _refused(report, "superseded", why, stored.state)
    return _refused(report, "finished", "another outcome is stored", stored.state)


def _refused(report: Report, reason: str, message: str, stored: str | None = None) -> Verdict:
    return Verdict(
        id=report.id, epoch=report.epoch, verdict="refused", reason=reason, message=message, stored=stored
    )
