"""Thin ledger: something to do outside (fetch from a Git host, tell it a status), now or at an instant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Errand(TenantModel):
    """Unlike a `work_item` it is done outside any transaction, for others may keep it waiting. Kinds and what
    `ref` names: `fetch` (Git remote), `status` (commit status), `expire` (preview), `prune` (tenant: what it no
    longer keeps), `measure` (tenant: what it stores), `export` (tenant export: make it, and later take it away)."""

    kind = models.CharField(max_length=10)
    ref = models.UUIDField()
    due_at = models.DateTimeField()
    claimed_until = models.DateTimeField(null=True)
    """Set while somebody is on the way; when it has passed, another goes."""

    class Meta:
        db_table = "errand"
        indexes = [models.Index(fields=["due_at"], name="errand_due")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "ref"], name="errand_uk"),
            TenantTable(name="errand_wall", wide=("scheduler",)),
        ]
