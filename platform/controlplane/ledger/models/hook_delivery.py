"""Webhook deliveries that were taken: the same one is not taken twice."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class HookDelivery(TenantModel):
    """`digest`: SHA-256 of the delivery's id, or of its body. Kept for a week."""

    remote = tenant_link("ledger.GitRemote")
    digest = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "hook_delivery"
        indexes = [models.Index(fields=["tenant", "remote", "received_at"], name="hook_delivery_recent")]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "remote", "digest"], name="hook_delivery_uk"),
            TenantTable(name="hook_delivery_wall"),
            TenantForeignKey(name="hook_delivery_remote_fk", column="remote_id", target="git_remote"),
        ]
