"""Small integers for the ids that Airflow's clients expect to be integers, counted per tenant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Serial(TenantModel):
    """`name` is the table it counts for; `last` the last number given."""

    name = models.CharField(max_length=50)
    last = models.BigIntegerField(default=0)

    class Meta:
        db_table = "serial"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="serial_name_uk"),
            TenantTable(name="serial_wall"),
        ]
