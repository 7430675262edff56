"""Where a tenant's audit rows are sent as they come: a webhook or a bucket, with the place it has got to."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable

KINDS = ("webhook", "s3")
STATES = ("active", "paused", "stopped")


class AuditStream(TenantModel):
    """`cursor` is the sequence number of the last row that arrived for sure; what comes after is sent again."""

    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in KINDS])
    state = models.CharField(max_length=10, default="active")
    """`stopped`: the receiver said that it is gone (410); somebody has to start it again."""
    url = models.CharField(max_length=500)
    """Of the webhook; of a bucket `s3://bucket/prefix`."""
    endpoint = models.CharField(max_length=300, blank=True, default="")
    """Of an S3-compatible store that is not Amazon's."""
    region = models.CharField(max_length=40, blank=True, default="")
    access_key_id = models.CharField(max_length=128, blank=True, default="")
    sealed_secret = models.BinaryField(null=True)
    """The webhook's signing key, or the secret access key."""
    cursor = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0)
    """Failures since something arrived."""
    next_at = models.DateTimeField(null=True)
    """Not before: the end of the pause after a failure."""
    last_error = models.CharField(max_length=300, blank=True, default="")
    delivered_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=200, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "audit_stream"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="audit_stream_name_uk"),
            TenantTable(
                name="audit_stream_wall",
                grants={"app": "SELECT, INSERT, UPDATE, DELETE", "scheduler": "SELECT, UPDATE"},
            ),
        ]
