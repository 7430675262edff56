"""A callback that the control plane owes: the process that would have run it died, or it is a run's or a deadline's."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Callback(TenantModel):
    """Written by the statement that moves the state it tells of. `kind`: `task_failure`, `task_retry`,
    `dag_success`, `dag_failure`, `deadline`, `sla_miss`. (`kind`, `ref`, `epoch`) is the occasion, and each
    occasion has one row: a task instance and its attempt, a run and how often it ended before, a deadline.

    `state`: `pending`, `running` (the agent said so before user code ran), then `success`, `failed`, or `lost`:
    it had begun and nobody heard of it again, so it is not run a second time."""

    kind = models.CharField(max_length=20)
    ref = models.UUIDField()
    epoch = models.IntegerField()
    state = models.CharField(max_length=10, db_default="pending")
    fence = models.IntegerField(null=True)
    """Epoch of the workload under which it began: nobody else's word for its end counts."""
    dag_run = tenant_link("ledger.DagRun")
    task_instance_id = models.UUIDField(null=True)
    """Whose failure it tells of; of a run the task instance that decided, as in Airflow. No key: it may go."""
    dag_version_id = models.UUIDField()
    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    task_id = models.CharField(max_length=250, null=True)
    map_index = models.IntegerField(db_default=-1)
    try_number = models.IntegerField(db_default=0)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """When the attempt that it tells of began and ended."""
    hostname = models.CharField(max_length=250, db_default="")
    reason = models.CharField(max_length=500)
    """What the author's code is told as `reason`, or as text of `exception`."""
    created_at = models.DateTimeField()
    begun_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    message = models.TextField(null=True)
    """Why it failed or was lost, for people. What it printed is in its log."""

    class Meta:
        db_table = "callback"
        indexes = [
            models.Index(fields=["tenant", "dag_run", "-id"], name="callback_run"),
            models.Index(fields=["tenant", "-id"], name="callback_recent"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "ref", "kind", "epoch"], name="callback_uk"),
            TenantTable(name="callback_wall"),
            TenantForeignKey(name="callback_run_fk", column="dag_run_id", target="dag_run"),
        ]
