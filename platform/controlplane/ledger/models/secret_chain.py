"""Where a tenant's connections and variables are looked for, in order, and how its stores are signed in to."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class SecretChain(TenantModel):
    """At most one per tenant; without it, only the ledger is asked. `stores` is a list of public settings; `sealed`
    their credentials by name, as JSON in an envelope bound to this row. `version` counts changes."""

    stores = models.JSONField(default=list)
    sealed = models.BinaryField(null=True)
    declared_only = models.BooleanField(db_default=False)
    """A task reads only the connections and variables that its DAG names."""
    version = models.IntegerField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "secret_chain"
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="secret_chain_uk"),
            TenantTable(name="secret_chain_wall"),
        ]
