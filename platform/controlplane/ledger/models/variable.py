"""Variables, encrypted at rest."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Variable(TenantModel):
    """`sealed` is an envelope (`controlplane.secrets`) bound to tenant, table, column and row."""

    key = models.CharField(max_length=250)
    sealed = models.BinaryField()
    description = models.TextField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "variable"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "key"], name="variable_key_uk"),
            TenantTable(name="variable_wall"),
        ]
