"""What one file of a bundle gave when it was parsed; reused while nothing it read has changed."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class FileParse(TenantModel):
    """`dependencies`: path -> SHA-256 of every bundle file read; `listed`: folders whose listing was read."""

    path = models.CharField(max_length=1000)
    sha256 = models.CharField(max_length=64)
    runtime_digest = models.CharField(max_length=64)
    dependencies = models.JSONField()
    listed = models.JSONField(default=dict)
    """folder -> SHA-256 of its sorted names at that time."""
    dag_hashes = models.JSONField(default=dict)
    """dag_id -> content hash of its spec."""
    failures = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    seconds = models.FloatField(default=0)
    parsed_at = models.DateTimeField()

    class Meta:
        db_table = "file_parse"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "path", "sha256", "runtime_digest"], name="file_parse_uk"
            ),
            TenantTable(name="file_parse_wall"),
        ]
