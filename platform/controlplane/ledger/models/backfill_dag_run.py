"""What a backfill did about each instant of its range: a run of its own, or the reason why there is none."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class BackfillDagRun(TenantModel):
    """`sort_ordinal` counts from 1 in the order in which the runs begin."""

    backfill = tenant_link("ledger.Backfill")
    dag_run = tenant_link("ledger.DagRun", null=True, on_delete=models.SET_NULL)
    exception_reason = models.CharField(max_length=50, null=True)
    """`in flight` or `already exists` when there is no run of this backfill."""
    logical_date = models.DateTimeField(null=True)
    partition_key = models.CharField(max_length=250, null=True)
    sort_ordinal = models.IntegerField()

    class Meta:
        db_table = "backfill_dag_run"
        indexes = [
            models.Index(
                fields=["tenant", "dag_run"],
                name="backfill_dag_run_of_run",
                condition=models.Q(dag_run__isnull=False),
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "backfill", "sort_ordinal"], name="backfill_ordinal_uk"
            ),
            TenantTable(name="backfill_dag_run_wall"),
            TenantForeignKey(name="backfill_dag_run_of_fk", column="backfill_id", target="backfill"),
            TenantForeignKey(
                name="backfill_dag_run_run_fk", column="dag_run_id", target="dag_run", on_delete="SET NULL"
            ),
        ]
