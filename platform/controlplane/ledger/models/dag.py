"""A DAG of a tenant: what people see in the list, and when it runs next."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantTable


class Dag(TenantModel):
    """`next_*` are precomputed: no loop looks for due DAGs, a `work_item` of kind `plan` waits for each."""

    dag_id = models.CharField(max_length=250)
    current_version_id = models.UUIDField(null=True)
    """The newest `dag_version`; no key, for the two tables would depend on each other."""
    bundle_version = tenant_link("ledger.BundleVersion", null=True, on_delete=models.SET_NULL)
    relative_fileloc = models.CharField(max_length=1000)
    is_paused = models.BooleanField(default=False)
    pause_reason = models.CharField(max_length=500, null=True)
    """Why it was paused, when nobody did: too many failed runs one after another."""
    is_stale = models.BooleanField(default=False)
    """No longer in the newest bundle: kept with its history, plans no runs."""
    has_import_errors = models.BooleanField(default=False)
    display_name = models.CharField(max_length=250, null=True)
    description = models.TextField(null=True)
    owners = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    timetable_summary = models.TextField(null=True)
    timetable_description = models.TextField(null=True)
    max_active_runs = models.IntegerField(default=16)
    max_active_tasks = models.IntegerField(default=16)
    max_consecutive_failed_runs = models.IntegerField(default=0)
    active_runs = models.IntegerField(default=0)
    """Runs in state running; kept by the statements that start and finish runs."""
    next_logical_date = models.DateTimeField(null=True)
    next_interval_start = models.DateTimeField(null=True)
    next_interval_end = models.DateTimeField(null=True)
    next_run_after = models.DateTimeField(null=True)
    next_partition_key = models.CharField(max_length=250, null=True)
    next_partition_date = models.DateTimeField(null=True)
    schedule = models.JSONField(null=True)
    """What planning needs of the newest version (`domain.timetables.schedule`), so that it reads no spec."""
    last_parsed_at = models.DateTimeField()
    last_parse_seconds = models.FloatField(default=0)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "dag"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag_id"], name="dag_dag_id_uk"),
            TenantTable(name="dag_wall"),
        ]
