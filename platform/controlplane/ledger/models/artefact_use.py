"""Thin ledger: which tenants have a bundle of which artefact. Artefacts are kept once for all that have the same files."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class ArtefactUse(TenantModel):
    """While there is a row of a digest, its artefact stays. A trigger on `bundle_version` writes it, so that nothing that
    writes bundle versions can forget it; pruning takes it away after the tenant's last one."""

    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "artefact_use"
        indexes = [models.Index(fields=["digest"], name="artefact_use_digest")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "digest"], name="artefact_use_uk"),
            TenantTable(name="artefact_use_wall", wide=("scheduler",)),
        ]
