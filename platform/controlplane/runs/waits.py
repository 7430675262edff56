"""Why a task instance does not run: one answer for every state it may wait in.

Reads only, in the tenant's scope; nothing here decides. The names are those of Airflow's dependencies where it has
one of that meaning. Called by the doors.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Count, Q

from controlplane.ledger.models.agent import Agent
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.hitl_detail import HitlDetail
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.usage_month import UsageMonth
from controlplane.ledger.models.workload import Workload
from domain.readings import Reading, Role, span
from domain.states import TERMINAL_TASK
from domain.trigger_rules import RULE_CODES
from tenants.limits.read import read_quota

MOST_NAMES = 10
"""Upstream tasks that a reason names."""
_RULES = {code: rule for rule, code in RULE_CODES.items()}


@dataclass(frozen=True, slots=True)
class Wait:
    """One thing that it waits for. `reason` is a sentence for people."""

    name: str
    reason: str


def why_not_running(*, row: TaskInstance, now: datetime) -> list[Wait]:
    """All that keeps it from running, never empty for what waits; empty for what runs or is over."""
    if row.state in (None, "scheduled"):
        return what_blocks(row=row, now=now) or [
            Wait("Admission", "Nothing is in its way; the scheduler comes to it next.")
        ]
    if row.state == "queued":
        return [Wait("Worker", _queued(row, now))]
    if row.state == "restarting":
        return [Wait("Task Instance Not Running", "It was cleared while it ran; its process is ending.")]
    if row.state == "up_for_retry":
        said = f" {row.held_reason}." if row.held_reason else ""
        return [
            Wait(
                "Not In Retry Period",
                f"Try {row.try_number} failed; the next is due at {_at(row.due_at)}.{said}",
            )
        ]
    if row.state == "up_for_reschedule":
        return [Wait("Ready To Reschedule", f"The sensor looks again at {_at(row.due_at)}.")]
    if row.state == "deferred":
        return [_deferred(row, now)]
    if row.state == "awaiting_input":
        return [_asks(row)]
    return []


def what_blocks(*, row: TaskInstance, now: datetime) -> list[Wait]:
    """What keeps one that is not admitted yet from being so; empty when nothing does, and for all others, as in
    Airflow."""
    if row.state not in (None, "scheduled"):
        return []
    run = row.dag_run
    dag = Dag.objects.filter(dag_id=row.dag_id).first()
    found = []
    if dag is not None and dag.is_paused:
        why = f" ({dag.pause_reason})" if dag.pause_reason else ""
        found.append(Wait("Dag Not Paused", f"Task's DAG '{row.dag_id}' is paused.{why}"))
    if run.state == "queued":
        found.append(Wait("Dagrun Running", _queued_run(run, dag, now)))
    elif run.state != "running":
        found.append(Wait("Dagrun Running", f"The DAG run is over: {run.state}"))
        return found
    if row.state is None:
        if row.held_reason:
            found.append(Wait("Previous Dagrun State", row.held_reason))
        elif waits := _upstream(row):
            found.append(Wait("Trigger Rule", waits))
    elif row.held_reason:
        found.append(Wait("Admission", row.held_reason))
    return found


def _queued_run(run: DagRun, dag: Dag | None, now: datetime) -> str:
    begin = "The DAG run is queued and has not begun"
    if run.awaits_interval:
        return f"{begin}: the DAG's own timetable is asked for its data interval"
    if run.run_after > now:
        return f"{begin}: it may begin at {_at(run.run_after)}"
    if dag is None or dag.is_paused:
        return begin
    if spent := _hours(now):
        return f"{begin}: {spent}"
    running = DagRun.objects.filter(dag_id=run.dag_id, state="running")
    backfill = Backfill.objects.filter(id=run.backfill_id).first() if run.backfill_id else None
    if backfill is not None:
        if backfill.is_paused and backfill.completed_at is None:
            return f"{begin}: its backfill is paused"
        count = running.filter(backfill_id=backfill.id).count()
        whose, most = "of its backfill", backfill.max_active_runs
    else:
        count = running.filter(backfill_id=None).count()
        whose, most = "of the DAG", dag.max_active_runs
    if count >= most:
        return f"{begin}: {count} runs {whose} are running; max_active_runs is {most}"
    return f"{begin}: the scheduler comes to it next"


def _hours(now: datetime) -> str | None:
    """What a tenant hears that has used its task-hours or its processor time; None when it has not."""
    quota = read_quota()
    month = now.astimezone(UTC).date().replace(day=1)
    row = UsageMonth.objects.filter(month=month).first()
    for name, what, used in (
        ("task_hours_per_month", "task-hours", row.task_us if row else 0),
        ("cpu_hours_per_month", "hours of processor time", row.cpu_us if row else 0),
    ):
        limit = quota.value(name)
        if row is not None and limit is not None and used >= limit * 3_600_000_000:
            ends = "it begins next month, or when the limit is raised"
            return f"the tenant has used its {limit:g} {what} of this month; {ends}"
    return None


def _upstream(row: TaskInstance) -> str | None:
    """What of its upstream is not over; None when nothing is left."""
    task = DagTask.objects.filter(dag_version_id=row.dag_version_id, task_index=row.task_index).first()
    rule = f"Task's trigger rule '{_RULES[row.trigger_rule]}' waits"
    if task is None or task.readings is None:
        outcomes = (
            row.upstream_success
            + row.upstream_failed
            + row.upstream_upstream_failed
            + row.upstream_skipped
            + row.upstream_removed
        )
        if outcomes >= row.upstream_total:
            return None
        return (
            f"{rule}: {outcomes} of {row.upstream_total} upstream tasks are done ({row.upstream_success} succeeded, "
            f"{row.upstream_failed} failed, {row.upstream_skipped} were skipped)"
        )
    pending = _pending(row, [Reading(**each) for each in task.readings], task.known_lengths)
    if not pending:
        return None
    names = [f"{name} ({count})" if count > 1 else name for name, count in pending.items()]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{rule}: these have not ended: {', '.join(names[:MOST_NAMES])}{more}"


def _pending(row: TaskInstance, readings: list[Reading], known: list[int] | None) -> dict[str, int]:
    """Task ids above it with how many of the instances that it reads are not over."""
    asked = Q(pk__in=[])
    for reading in readings:
        if Role(reading.role) is Role.SKIP:
            continue
        part = Q(task_index=reading.up)
        within = span(reading=reading, map_index=row.map_index, lengths=row.map_lengths or known or [])
        if within is not None and row.map_index >= 0:
            part &= Q(map_index__lt=0) | Q(map_index__range=within)
        asked |= part
    open_ones = TaskInstance.objects.filter(asked, dag_run_id=row.dag_run_id).exclude(state__in=TERMINAL_TASK)
    return dict(open_ones.values_list("task_id").annotate(count=Count("id")).order_by("task_id"))


def _queued(row: TaskInstance, now: datetime) -> str:
    if Agent.objects.filter(lease_until__gt=now, queues__contains=[row.queue]).exists():
        return f"It is admitted; an agent that serves queue '{row.queue}' takes it next."
    return (
        f"It is admitted, but no agent that serves queue '{row.queue}' lives; the first that comes takes it."
    )


def _deferred(row: TaskInstance, now: datetime) -> Wait:
    trigger = Trigger.objects.filter(id=row.id, epoch=row.epoch).first()
    if trigger is None:
        return Wait("Deferred", "It waits for its trigger.")
    if trigger.wake_at is not None:
        return Wait("Deferred", f"It is deferred until {_at(trigger.wake_at)}.")
    until = f", until {_at(trigger.timeout_at)} at the latest" if trigger.timeout_at else ""
    queue = trigger.queue or "default"
    agents = Agent.objects.filter(lease_until__gt=now)
    # As they are claimed: an agent that lives takes triggers of the default queue, whatever it serves.
    is_served = (agents if queue == "default" else agents.filter(queues__contains=[queue])).exists()
    nobody = "" if is_served else f" No agent that takes triggers of queue '{queue}' lives."
    full = _triggers_full(row)
    return Wait("Deferred", f"It waits for its trigger {trigger.classpath}{until}.{nobody}{full}")


def _triggers_full(row: TaskInstance) -> str:
    """What a tenant hears whose trigger has not begun because others run; empty otherwise."""
    limit = read_quota().value("triggers")
    held = Workload.objects.filter(kind="trigger")
    if limit is None or not held.filter(ref=row.id, epoch=row.epoch, agent_id=None).exists():
        return ""
    if held.exclude(agent_id=None).count() < limit:
        return ""
    return f" It has not begun: the tenant runs as many triggers as it may ({limit:g}); it is next when one of them ends."


def _asks(row: TaskInstance) -> Wait:
    asked = HitlDetail.objects.filter(task_instance_id=row.id, try_number=row.try_number).first()
    what = f" to '{asked.subject[:200]}'" if asked is not None else ""
    until = f", until {_at(row.due_at)} at the latest" if row.due_at else ""
    return Wait("Human Input", f"It waits for an answer of a person{what}{until}.")


def _at(instant: datetime | None) -> str:
    return instant.isoformat(timespec="seconds") if instant else "an instant that is not known"
