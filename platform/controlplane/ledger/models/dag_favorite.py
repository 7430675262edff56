"""DAGs that a person marked for themselves."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class DagFavorite(TenantModel):
    """`owner`: the person's id, or the name of an API token."""

    dag = tenant_link("ledger.Dag")
    owner = models.CharField(max_length=250)

    class Meta:
        db_table = "dag_favorite"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "owner", "dag"], name="dag_favorite_uk"),
            TenantTable(name="dag_favorite_wall"),
            TenantForeignKey(name="dag_favorite_dag_fk", column="dag_id", target="dag"),
        ]
