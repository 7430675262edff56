"""What a tenant with a limit on stored bytes holds of one kind, counted anew at most once a minute."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class StorageHeld(TenantModel):
    """One row per tenant and kind (`xcom`, `log`). Where it is not allowed more, a write is held against it, so that no write
    adds up what is there."""

    kind = models.CharField(max_length=10)
    bytes = models.BigIntegerField(db_default=0)
    counted_at = models.DateTimeField()
    count_again_at = models.DateTimeField()
    """Not before: the longer it took to count, the rarer it is done."""

    class Meta:
        db_table = "storage_held"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind"], name="storage_held_uk"),
            TenantTable(name="storage_held_wall"),
        ]
