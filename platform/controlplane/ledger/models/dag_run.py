"""One run of a DAG, with the counters that say when it is over."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class DagRun(TenantModel):
    """`state`: queued, running, success, failed. `unfinished` counts its task instances that are not terminal."""

    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    run_type = models.CharField(max_length=20)
    state = models.CharField(max_length=10)
    epoch = models.IntegerField(db_default=1)
    """Raised whenever a person or a rescue changes the run: statements carry it."""
    logical_date = models.DateTimeField(null=True)
    data_interval_start = models.DateTimeField(null=True)
    data_interval_end = models.DateTimeField(null=True)
    run_after = models.DateTimeField()
    queued_at = models.DateTimeField()
    start_date = models.DateTimeField(null=True)
    end_date = models.DateTimeField(null=True)
    last_scheduling_decision = models.DateTimeField(null=True)
    conf = models.JSONField(null=True)
    triggered_by = models.CharField(max_length=20, null=True)
    triggering_user_name = models.CharField(max_length=150, null=True)
    note = models.TextField(null=True)
    clear_number = models.IntegerField(db_default=0)
    partition_key = models.CharField(max_length=250, null=True)
    dag_version = tenant_link("ledger.DagVersion")
    bundle_version = tenant_link("ledger.BundleVersion")
    runtime_digest = models.CharField(max_length=64)
    unfinished = models.IntegerField()
    failed_leaves = models.IntegerField(db_default=0)
    """Leaf task instances that are failed or upstream_failed."""

    class Meta:
        db_table = "dag_run"
        indexes = [
            models.Index(
                fields=["tenant", "dag_id", "run_after"],
                name="dag_run_waiting",
                condition=models.Q(state="queued"),
            ),
            models.Index(fields=["tenant", "dag_id", "-run_after"], name="dag_run_recent"),
            models.Index(fields=["tenant", "-run_after", "-id"], name="dag_run_latest"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag_id", "run_id"], name="dag_run_run_id_uk"),
            models.UniqueConstraint(
                fields=["tenant", "dag_id", "logical_date"],
                name="dag_run_logical_date_uk",
                condition=models.Q(logical_date__isnull=False),
            ),
            TenantTable(name="dag_run_wall"),
            TenantForeignKey(
                name="dag_run_version_fk", column="dag_version_id", target="dag_version", on_delete="RESTRICT"
            ),
        ]
