"""Thin: tenants whose audit chain moved since it was last checkpointed and streamed. No content of a tenant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class AuditMark(TenantModel):
    """`moved` counts rows since the mark was made; a worker that has seen them all deletes the mark."""

    tenant = models.ForeignKey(
        "tenants.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    moved = models.BigIntegerField(db_default=1)
    due_at = models.DateTimeField()

    class Meta:
        db_table = "audit_mark"
        indexes = [models.Index(fields=["due_at"], name="audit_mark_due")]
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="audit_mark_tenant_uk"),
            TenantTable(
                name="audit_mark_wall",
                wide=("scheduler",),
                grants={
                    "app": "SELECT, INSERT, UPDATE",
                    "scheduler": "SELECT, INSERT, UPDATE, DELETE",
                    "auth": "SELECT, INSERT, UPDATE",
                },
            ),
        ]
