"""A backfill: runs of a DAG for instants of the past, asked for by a person."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Backfill(TenantModel):
    """`serial` is Airflow's integer id. All its runs exist from the start, queued; `start_runs.sql` begins them
    in order, within `max_active_runs`, and sets `completed_at` when none is left."""

    serial = models.BigIntegerField()
    dag_id = models.CharField(max_length=250)
    from_date = models.DateTimeField()
    to_date = models.DateTimeField()
    dag_run_conf = models.JSONField(null=True)
    is_paused = models.BooleanField(db_default=False)
    """No further run of it begins; those that run go on."""
    reprocess_behavior = models.CharField(max_length=20)
    """`none`, `failed` or `completed`: which runs that exist already are run again."""
    run_backwards = models.BooleanField(db_default=False)
    run_on_latest_version = models.BooleanField(db_default=True)
    max_active_runs = models.IntegerField()
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField()
    triggering_user_name = models.CharField(max_length=512, null=True)

    class Meta:
        db_table = "backfill"
        indexes = [models.Index(fields=["tenant", "dag_id", "serial"], name="backfill_of_dag")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "serial"], name="backfill_serial_uk"),
            models.UniqueConstraint(
                fields=["tenant", "dag_id"],
                name="backfill_active_uk",
                condition=models.Q(completed_at__isnull=True),
            ),
            TenantTable(name="backfill_wall"),
        ]
