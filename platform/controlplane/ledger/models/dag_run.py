"""One run of a DAG, with the counters that say when it is over."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class DagRun(TenantModel):
    """`state`: queued, running, success, failed. `unfinished` counts its task instances that are not terminal."""

    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    run_type = models.CharField(max_length=50)
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
    trigger_chain = models.JSONField(null=True)
    """DAG ids, first one first, whose tasks started each other up to this run; null when no task started it."""
    request_key = models.UUIDField(null=True)
    """The task's request that made the run, or let it begin anew: the same request again changes nothing more."""
    note = models.TextField(null=True)
    clear_number = models.IntegerField(db_default=0)
    partition_key = models.CharField(max_length=250, null=True)
    partition_date = models.DateTimeField(null=True)
    backfill_id = models.UUIDField(null=True)
    """The backfill that made it, or that runs it again. No key: the run outlives the backfill's row."""
    backfill_ordinal = models.IntegerField(null=True)
    """Its place in the order in which that backfill's runs begin."""
    awaits_interval = models.BooleanField(db_default=False)
    """Its data interval is being asked of the tenant's own timetable: it does not begin before."""
    dag_version = tenant_link("ledger.DagVersion")
    bundle_version = tenant_link("ledger.BundleVersion")
    runtime_digest = models.CharField(max_length=64)
    deployment_id = models.UUIDField(null=True)
    """The deployment of that bundle version that was in force, whose values it sees. No key: it is only read."""
    unfinished = models.IntegerField()
    failed_leaves = models.IntegerField(db_default=0)
    """Leaf task instances that are failed or upstream_failed."""
    fails_by = models.CharField(max_length=30, null=True)
    """Set: it fails whatever its tasks say, and why, in Airflow's words: `timed_out`, `all_tasks_deadlocked`."""
    awaited = models.BooleanField(db_default=False)
    """Tasks of a later run wait for tasks of this one (`depends_on_past`)."""
    lacks_tasks = models.BooleanField(db_default=False)
    """Tasks whose own dates leave out this logical date have no instance: what is below them may wait for ever."""

    class Meta:
        db_table = "dag_run"
        indexes = [
            models.Index(
                fields=["tenant", "dag_id", "run_after"],
                name="dag_run_waiting",
                condition=models.Q(state="queued", backfill_id__isnull=True),
            ),
            models.Index(fields=["tenant", "dag_id", "-run_after"], name="dag_run_recent"),
            models.Index(fields=["tenant", "-run_after", "-id"], name="dag_run_latest"),
            models.Index(
                fields=["tenant", "dag_id", "-partition_date"],
                name="dag_run_partition",
                condition=models.Q(partition_date__isnull=False),
            ),
            models.Index(
                fields=["tenant", "dag_id", "backfill_id", "backfill_ordinal"],
                name="dag_run_backfilling",
                condition=models.Q(backfill_id__isnull=False, state__in=["queued", "running"]),
            ),
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
