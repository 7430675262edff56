"""Connections: address in clear, password and extra encrypted at rest."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Connection(TenantModel):
    """`sealed` holds password and extra as JSON, in an envelope bound to its row."""

    conn_id = models.CharField(max_length=250)
    conn_type = models.CharField(max_length=500)
    description = models.TextField(null=True)
    host = models.CharField(max_length=500, null=True)
    login = models.CharField(max_length=500, null=True)
    schema = models.CharField(max_length=500, null=True)
    port = models.IntegerField(null=True)
    sealed = models.BinaryField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "connection"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "conn_id"], name="connection_id_uk"),
            TenantTable(name="connection_wall"),
        ]
