"""When a run, or a task of it, has to be over: one row per run and deadline of its DAG version."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Deadline(TenantModel):
    """`kind`: `dag` (a `DeadlineAlert`, `number` is its place in the DAG) or `sla` (of the task `number`).
    A `work_item` of kind `deadline` of the run is due at `due_at`; `due_at` NULL has a `problem` that says why it never is."""

    kind = models.CharField(max_length=10)
    dag_run = tenant_link("ledger.DagRun")
    number = models.IntegerField()
    task_id = models.CharField(max_length=250, null=True)
    name = models.CharField(max_length=250, null=True)
    reference = models.CharField(max_length=20)
    due_at = models.DateTimeField(null=True)
    missed_at = models.DateTimeField(null=True)
    """Set once, when it was missed; never taken back."""
    problem = models.TextField(null=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "deadline"
        indexes = [
            models.Index(fields=["tenant", "due_at", "id"], name="deadline_due"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag_run", "kind", "number"], name="deadline_uk"),
            TenantTable(name="deadline_wall"),
            TenantForeignKey(name="deadline_run_fk", column="dag_run_id", target="dag_run"),
        ]
