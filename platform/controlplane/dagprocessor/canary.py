"""A deployment is tried in force: a run of one of its DAGs, or a look at its import errors; what fails is rolled back.

Called by the scheduler on a work item of kind `canary`: when a deployment with a trial came into force, when a run
of a trial is over, and at least every quarter of a minute while one is under way. In the tenant's scope; does not
commit. A trial that cannot be made has failed: nobody learned that the deployment works. Decision: docs/adr/0028.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from controlplane.bundles import canaries, commit_statuses, deployments
from controlplane.bundles.canaries import ITEM, OPEN, ROLL_BACK
from controlplane.dagprocessor.deploy import put_waiting_in_force
from controlplane.foundation.db import execute, notify
from controlplane.ledger.alerting import tell
from controlplane.ledger.models.canary import Canary
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.transitions import add_items
from controlplane.runs.trigger import trigger_run
from domain.ids import CANARY_RUN
from tenants.audit.record import record_change
from tenants.scope import current_tenant

WHO = "canary"
LOOK_SECONDS = 15.0
MOST = 20
_SHOWN = 5


def canaries_due(*, ref: UUID | None, now: datetime, using: str = "default") -> None:
    """Begin what can begin, judge what is over, and say when to look again."""
    execute("ledger/sql/lock_tenant.sql", using=using)
    rows = (
        Canary.objects.using(using)
        .select_for_update(of=("self",))
        .select_related("deployment__bundle_version__runtime", "deployment__overlay")
        .filter(state__in=OPEN, deployment__activated_at__isnull=False)
        .order_by("id")[:MOST]
    )
    again = [at for row in rows if (at := _look(row, now, using)) is not None]
    if again:
        add_items(items=[(ITEM, None, min(again))], using=using)


def _look(row: Canary, now: datetime, using: str) -> datetime | None:
    """One trial; when to look again, None when it is over."""
    if row.state == "waiting":
        return _begin(row, now, using)
    assert row.started_at is not None
    until = row.started_at + timedelta(seconds=row.seconds)
    run = DagRun.objects.using(using).filter(dag_id=row.dag_id, run_id=row.run_id).first()
    if run is None:
        return _fail(row, f"the run {row.run_id} of DAG {row.dag_id!r} was deleted", now, using)
    if run.state == "success":
        return _pass(row, f"the run {row.run_id} of DAG {row.dag_id!r} succeeded", now, using)
    if run.state == "failed":
        return _fail(
            row, f"the run {row.run_id} of DAG {row.dag_id!r} failed{_tasks(run, using)}", now, using
        )
    if now >= until:
        late = f"the run {row.run_id} of DAG {row.dag_id!r} was not over within {row.seconds} s"
        return _fail(row, late, now, using)
    return min(until, now + timedelta(seconds=LOOK_SECONDS))


def _begin(row: Canary, now: datetime, using: str) -> datetime | None:
    deployment = row.deployment
    row.started_at = now
    if deployment.state != "active":
        return _over(row, "dropped", "another deployment came into force before it could begin", now, using)
    if not row.dag_id:
        failing = deployment.summary.get("dags", {}).get("failing_files", [])
        if not failing:
            return _pass(row, "every file can be imported", now, using)
        more = f" and {len(failing) - _SHOWN} more" if len(failing) > _SHOWN else ""
        return _fail(row, f"these files fail to import: {', '.join(failing[:_SHOWN])}{more}", now, using)
    if refused := _refused(row, using):
        return _fail(row, refused, now, using)
    row.state, row.run_id = "running", f"{CANARY_RUN}{deployment.number}"
    try:
        with transaction.atomic(using=using):
            trigger_run(
                dag_id=row.dag_id,
                run_id=row.run_id,
                logical_date=None,
                run_after=None,
                conf=row.conf,
                note=f"Canary of deployment {deployment.number}",
                triggered_by="test",
                user=WHO,
                now=now,
                using=using,
            )
    except (LookupError, ValueError) as error:
        row.run_id = ""
        return _fail(row, f"DAG {row.dag_id!r} cannot be run: {error}", now, using)
    row.save(using=using, update_fields=["state", "run_id", "started_at"])
    return min(now + timedelta(seconds=row.seconds), now + timedelta(seconds=LOOK_SECONDS))


def _refused(row: Canary, using: str) -> str:
    """Why a run would say nothing of this deployment: it would never begin, or run older files."""
    dag = Dag.objects.using(using).filter(dag_id=row.dag_id, is_stale=False).first()
    if dag is None:
        return f"the deployment has no DAG {row.dag_id!r}"
    if dag.has_import_errors or dag.bundle_version_id != row.deployment.bundle_version_id:
        return f"the file of DAG {row.dag_id!r} fails to import"
    if dag.is_paused:
        return f"DAG {row.dag_id!r} is paused, so that its run would not begin"
    return ""


def _tasks(run: DagRun, using: str) -> str:
    rows = TaskInstance.objects.using(using).filter(dag_run_id=run.id, state="failed")
    names = sorted(set(rows.values_list("task_id", flat=True)[:100]))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f" in {', '.join(names[:_SHOWN])}{more}" if names else ""


def _pass(row: Canary, message: str, now: datetime, using: str) -> None:
    _over(row, "passed", message, now, using)
    bundle = row.deployment.bundle_version
    said = f"{commit_statuses.describe(state='success', summary=bundle.summary)}; canary passed"
    outcome = commit_statuses.verdict(state=bundle.state, summary=bundle.summary)
    if outcome == "success":  # else the host has heard of the errors already
        commit_statuses.tell_of_bundle(bundle=bundle, state=outcome, now=now, using=using, said=said)


def _fail(row: Canary, message: str, now: datetime, using: str) -> None:
    if row.on_failure == ROLL_BACK:
        message = f"{message}; {_roll_back(row, now, using)}"
    _over(row, "failed", message, now, using)
    tell(
        kind="canary_failed",
        subject=f"deployment {row.deployment.number}",
        dag_id=row.dag_id or None,
        detail={"what": f"deployment {row.deployment.number}: {message}"[:1000]},
        now=now,
        using=using,
    )
    commit_statuses.tell_of_bundle(
        bundle=row.deployment.bundle_version, state="failure", now=now, using=using, said=f"Canary: {message}"
    )


def _over(row: Canary, state: str, message: str, now: datetime, using: str) -> None:
    row.state, row.message, row.ended_at = state, message[:4000], now
    row.save(
        using=using, update_fields=["state", "message", "run_id", "rolled_back_by", "started_at", "ended_at"]
    )
    record_change(
        action=f"deployment.canary.{state}",
        target=f"deployment:{row.deployment.number}",
        after={"message": row.message, "rolled_back_by": row.rolled_back_by},
        using=using,
    )
    notify(deployments.CHANNEL, str(current_tenant(using=using)), using=using)


def _roll_back(row: Canary, now: datetime, using: str) -> str:
    """What was done about it. What waited to come into force waits on, with a number after the roll-back's."""
    failed = row.deployment
    active = deployments.in_force(using=using)
    if active is None or active.id != failed.id:
        return f"deployment {active.number if active else 0} is in force by now, so nothing was rolled back"
    target = (
        Deployment.objects.using(using)
        .select_related("bundle_version")
        .filter(number__lt=failed.number, activated_at__isnull=False)
        .exclude(number__in=canaries.failed_numbers(below=failed.number, using=using))
        .order_by("-number")
        .first()
    )
    if target is None:
        return "there is no earlier deployment to roll back to"
    waiting = Deployment.objects.using(using).select_related("bundle_version").filter(state="waiting")
    later = waiting.order_by("-number").first()
    made = deployments.ask_for(
        bundle=target.bundle_version,
        reason="rollback",
        created_by=WHO,
        message=f"Roll back to {target.number}: the canary of {failed.number} failed",
        now=now,
        overlay=target.overlay_id,
        of_number=target.number,
        trial=None,
        using=using,
    )
    put_waiting_in_force(bundle=target.bundle_version, now=now, using=using)
    row.rolled_back_by = made.number
    if later is not None:
        _ask_again(later, now, using)
    return f"rolled back to deployment {target.number}"


def _ask_again(waiting: Deployment, now: datetime, using: str) -> None:
    deployments.ask_for(
        bundle=waiting.bundle_version,
        reason=waiting.reason,
        created_by=waiting.created_by,
        message=waiting.message,
        now=now,
        overlay=waiting.overlay_id,
        of_number=waiting.of_number,
        trial=canaries.trial_of(deployment=waiting, using=using),
        using=using,
    )
    Deployment.objects.using(using).filter(id=waiting.id).update(state="dropped")
    add_items(items=[("parse", waiting.bundle_version_id, now)], using=using)
