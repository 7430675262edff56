"""What a tenant stores, looked at once a day."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class UsageStorage(TenantModel):
    """Bytes of one kind on one UTC day: `xcom` and `log` per DAG; `bundle` (files, unpacked), `artefact` (what is
    fetched) and `git` (repositories) of the tenant (`dag_id` empty)."""

    day = models.DateField()
    kind = models.CharField(max_length=10)
    dag_id = models.CharField(max_length=250)
    bytes = models.BigIntegerField()

    class Meta:
        db_table = "usage_storage"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "day", "kind", "dag_id"], name="usage_storage_uk"),
            TenantTable(name="usage_storage_wall"),
        ]
