"""When tasks of pools that limit their starts began: kept for a minute."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class PoolStart(TenantModel):
    """Written by the statements that start tasks, in their transaction, with the database's clock."""

    pool = models.CharField(max_length=256)
    started_at = models.DateTimeField()

    class Meta:
        db_table = "pool_start"
        indexes = [models.Index(fields=["tenant", "pool", "started_at"], name="pool_start_recent")]
        constraints = [TenantTable(name="pool_start_wall")]
