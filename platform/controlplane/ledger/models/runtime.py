"""A tenant's runtime: a virtual environment of one Airflow and the tenant's requirements."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Runtime(TenantModel):
    """`digest` names it on every agent. `state`: queued, building, ready, failed (`message`, `log` say why)."""

    digest = models.CharField(max_length=64)
    airflow = models.CharField(max_length=20)
    python = models.CharField(max_length=10)
    requirements = models.TextField(blank=True, default="")
    state = models.CharField(max_length=10, default="queued")
    epoch = models.IntegerField(default=0)
    """Raised by each dispatch of its build: names the attempt."""
    message = models.TextField(blank=True, default="")
    log = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    ready_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "runtime"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "digest"], name="runtime_digest_uk"),
            TenantTable(name="runtime_wall"),
        ]
