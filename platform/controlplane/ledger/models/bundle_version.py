"""One push or upload: immutable, named by its digest, fetched by agents as one artefact."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantTable


class BundleVersion(TenantModel):
    """`state`: received, parsing, parsed, failed. `digest` is the SHA-256 of the artefact (a canonical tar)."""

    digest = models.CharField(max_length=64)
    commit_sha = models.CharField(max_length=64, null=True)
    branch = models.CharField(max_length=255, null=True)
    source = models.CharField(max_length=10)
    """`git` (pushed here), `upload`, or `remote` (fetched from the tenant's own Git host)."""
    message = models.TextField(blank=True, default="")
    pushed_by = models.CharField(max_length=150, blank=True, default="")
    file_count = models.IntegerField()
    byte_count = models.BigIntegerField()
    files = models.JSONField()
    """path -> SHA-256 of every file, for reuse of parse results and for showing what changed."""
    candidates = models.JSONField(default=list)
    """Sorted paths of the files that may hold DAGs."""
    epoch = models.IntegerField(default=0)
    """Raised by each dispatch of its parsing: names the attempt."""
    runtime = tenant_link("ledger.Runtime", null=True, on_delete=models.SET_NULL)
    state = models.CharField(max_length=10, default="received")
    summary = models.JSONField(default=dict)
    """What was accepted and what is wrong, as the pusher is told."""
    created_at = models.DateTimeField()
    parsed_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "bundle_version"
        indexes = [models.Index(fields=["tenant", "-id"], name="bundle_version_recent")]
        constraints = [TenantTable(name="bundle_version_wall")]
