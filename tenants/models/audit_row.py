"""The audit chains: one per tenant, one of the platform. Append-only by grant: nobody but the owner may change a row."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.models.tenant_model import TenantModel
from tenants.rls import PlatformTable, TenantTable


class AuditContent(models.Model):
    """Abstract. What happened, and the row's place on its chain (`tenants/audit/entry.py`).

    `before`, `after`, `detail` are JSON as text: a database that rewrote numbers would break the digest.
    """

    seq = models.BigIntegerField()
    """1, 2, 3, … without a gap, in the order of commits."""
    at = models.DateTimeField()
    action = models.CharField(max_length=100)
    target = models.CharField(max_length=400)
    outcome = models.CharField(max_length=10)
    """`done`, `refused` (4xx) or `failed` (5xx)."""
    actor_kind = models.CharField(max_length=12)
    actor = models.CharField(max_length=200)
    actor_id = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    request_id = models.CharField(max_length=64)
    method = models.CharField(max_length=10)
    route = models.CharField(max_length=300)
    status = models.IntegerField(null=True)
    """Of the answer; NULL on rows that a change itself wrote, before there was one."""
    before = models.TextField(null=True)
    after = models.TextField(null=True)
    detail = models.TextField(null=True)
    digest = models.BinaryField()
    prev = models.BinaryField()
    hash = models.BinaryField()

    class Meta:
        abstract = True


class AuditRow(TenantModel, AuditContent):
    """A tenant's chain. It outlives the tenant: no foreign key."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        db_table = "audit_row"
        indexes = [
            models.Index(fields=["tenant", "actor", "seq"], name="audit_row_actor"),
            models.Index(fields=["tenant", "target", "seq"], name="audit_row_target"),
            models.Index(fields=["tenant", "request_id"], name="audit_row_request"),
            models.Index(fields=["tenant", "at"], name="audit_row_at"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "seq"], name="audit_row_seq_uk"),
            TenantTable(
                name="audit_row_wall",
                grants={"app": "SELECT, INSERT", "scheduler": "SELECT, INSERT", "auth": "SELECT, INSERT"},
                owner_may=("SELECT", "DELETE"),
            ),
        ]


class PlatformAuditRow(AuditContent):
    """The platform's chain: sign-ins, strangers, organisations, operators. Written and read as the sign-in role."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation_id = models.UUIDField(null=True)
    """Whose it is, of what happened to an organisation."""

    class Meta:
        db_table = "platform_audit_row"
        indexes = [
            models.Index(fields=["organisation_id", "seq"], name="platform_audit_organisation"),
            models.Index(fields=["actor", "seq"], name="platform_audit_actor"),
            models.Index(fields=["request_id"], name="platform_audit_request"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["seq"], name="platform_audit_seq_uk"),
            PlatformTable(name="platform_audit_grants", grants={"auth": "SELECT, INSERT"}),
        ]
