"""What tasks hand to each other."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class XCom(TenantModel):
    """`value` is the JSON that Airflow's serialiser made; `mapped_length` is set when something maps over it.

    `kept_as` names the object that holds a large value: then `value` is NULL.
    """

    dag_run = tenant_link("ledger.DagRun")
    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    task_id = models.CharField(max_length=250)
    map_index = models.IntegerField(db_default=-1)
    key = models.CharField(max_length=512)
    value = models.JSONField(null=True)
    kept_as = models.CharField(max_length=120, null=True)
    bytes = models.BigIntegerField(db_default=0)
    """Of its JSON text, wherever that is kept: about, for texts that are surely small."""
    mapped_length = models.IntegerField(null=True)
    timestamp = models.DateTimeField()

    class Meta:
        db_table = "xcom"
        indexes = [
            models.Index(
                fields=["tenant", "kept_as"], condition=models.Q(kept_as__isnull=False), name="xcom_kept"
            )
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "dag_run", "task_id", "map_index", "key"], name="xcom_uk"
            ),
            TenantTable(name="xcom_wall"),
            TenantForeignKey(name="xcom_run_fk", column="dag_run_id", target="dag_run"),
        ]
