"""Tests of connections that were asked for: waiting for an agent, under way, or over. Kept for an hour."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable

ACTIVE = ("pending", "running")


class ConnectionTest(TenantModel):
    """`state`: pending, running, success, failed. `sealed`: the connection to test as JSON, until the test is over."""

    conn_id = models.CharField(max_length=250)
    digest = models.CharField(max_length=64, null=True)
    """SHA-256 of the token that its asker polls with; NULL for a test that somebody waits for."""
    state = models.CharField(max_length=10, db_default="pending")
    message = models.TextField(null=True)
    sealed = models.BinaryField(null=True)
    commit_on_success = models.BooleanField(db_default=False)
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "connection_test"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "conn_id"],
                name="connection_test_active_uk",
                condition=models.Q(state__in=ACTIVE, digest__isnull=False),
            ),
            models.UniqueConstraint(fields=["tenant", "digest"], name="connection_test_digest_uk"),
            TenantTable(name="connection_test_wall"),
        ]
