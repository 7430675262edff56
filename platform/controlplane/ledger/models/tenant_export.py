"""An archive of the tenant that somebody asked for: made in the background, fetched, and gone some days later."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable

STATES = ("asked", "ready", "failed", "gone")


class TenantExport(TenantModel):
    """`sealed` holds the passphrase, bound to the row, until the archive is made."""

    state = models.CharField(max_length=10, default="asked")
    has_secrets = models.BooleanField(default=False)
    """A passphrase was given, and the archive's secrets are sealed under it."""
    sealed = models.BinaryField(null=True)
    size = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    left_out = models.JSONField(default=list)
    """Names of the secrets that are not in it."""
    missing = models.JSONField(default=list)
    """Objects that rows name and that were not there."""
    message = models.TextField(blank=True, default="")
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "tenant_export"
        indexes = [models.Index(fields=["tenant", "-id"], name="tenant_export_recent")]
        constraints = [TenantTable(name="tenant_export_wall")]
