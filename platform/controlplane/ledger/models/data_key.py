"""A tenant's data keys, wrapped by the key-encryption key."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class DataKey(TenantModel):
    """The newest one seals; older ones only open."""

    wrapped = models.BinaryField()
    kek_id = models.CharField(max_length=100)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "data_key"
        constraints = [TenantTable(name="data_key_wall")]
