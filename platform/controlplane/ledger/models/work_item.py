"""Thin ledger: something to do for a tenant, now or at an instant. No content of the tenant."""

from __future__ import annotations

from django.db import models

from tenants.rls import TenantTable


class WorkItem(models.Model):
    """Deleted in the transaction that does the work. Kinds and what `ref` names: `finished` (task instance:
    propagate its end), `admit` (nothing: capacity may have come free), `due` (task instance: a retry or a
    reschedule is due), `plan` (DAG: its next run is due), `start_runs` (DAG: queued runs may start),
    `timeout` (run: its `dagrun_timeout` is over), `stop` (task instance: it failed in a DAG with
    `fail_fast`), `queue` (nothing: an agent appeared, held tasks may have one now; waits far in the future
    until then), `past` (run: tasks of later runs that wait for it look again), `revive` (run: changed by
    hand, its waiting tasks may go on), `parse` (bundle version), `build` (runtime), `watch` (run: its
    deadlines are to be computed), `silent` (task instance: its supervisor is to be heard of), `assets`
    (DAG: events of assets were queued for it), `watchers` (nothing: asset watchers may have come or gone),
    `deadline` (run: some are due), `forget` (tenant: values that tasks kept are over), `wake` (trigger: its
    timer fires, or it timed out), `input` (task instance: nobody answered in time), `alert` (nothing: signals are to
    be weighed), `alert_tell` and `alert_escalate` (alert: somebody is to be told), `alert_check` (alert: its
    cause may be gone), `alert_absent` (alert rule: a run could be missing), `window` (maintenance window: it is
    over), `usage` (nothing: attempts ended whose usage is to be counted), `hours` (DAG: its queued runs
    wait for the task-hours of the next month), `reparse` (nothing: the tenant's files are to be parsed again),
    `canary` (nothing: trials of deployments are to be looked at)."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, db_index=False, related_name="+")
    kind = models.CharField(max_length=20)
    ref = models.UUIDField(null=True)
    due_at = models.DateTimeField()

    class Meta:
        db_table = "work_item"
        indexes = [
            models.Index(fields=["due_at", "tenant"], name="work_item_due"),
            models.Index(fields=["tenant", "due_at"], name="work_item_tenant"),
            models.Index(fields=["tenant"], name="work_item_usage", condition=models.Q(kind="usage")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind", "ref"],
                name="work_item_uk",
                condition=models.Q(kind__in=["plan", "forget"]),
            ),
            TenantTable(name="work_item_wall", wide=("scheduler",)),
        ]
