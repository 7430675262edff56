"""What was signed of each audit chain, and when. The proof is the copy elsewhere; these rows say where to go on."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.models.tenant_model import TenantModel
from tenants.rls import PlatformTable, TenantTable


class CheckpointContent(models.Model):
    """Abstract. `number` counts a chain's checkpoints; `seq` and `hash` are of the row that it signs. `kept_from`: the
    row from which on the chain is kept since, where it says so."""

    number = models.BigIntegerField()
    seq = models.BigIntegerField()
    hash = models.BinaryField()
    kept_from = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        abstract = True


class AuditCheckpoint(TenantModel, CheckpointContent):
    """Of a tenant's chain. Like the chain, it outlives the tenant."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        db_table = "audit_checkpoint"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="audit_checkpoint_number_uk"),
            TenantTable(
                name="audit_checkpoint_wall",
                grants={"app": "SELECT", "scheduler": "SELECT, INSERT"},
                owner_may=("SELECT",),
            ),
        ]


class PlatformAuditCheckpoint(CheckpointContent):
    """Of the platform's chain."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta:
        db_table = "platform_audit_checkpoint"
        constraints = [
            models.UniqueConstraint(fields=["number"], name="platform_audit_checkpoint_number_uk"),
            PlatformTable(name="platform_audit_checkpoint_grants", grants={"auth": "SELECT, INSERT"}),
        ]
