"""A trial of a deployment, in force: a run of one DAG, or a look at its import errors, and what follows from it."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Canary(TenantModel):
    """At most one per deployment, made with it. `state`: waiting (the deployment is not in force yet), running,
    passed, failed, dropped (the deployment never was in force, or no longer when it was to begin)."""

    deployment = tenant_link("ledger.Deployment")
    dag_id = models.CharField(max_length=250, blank=True, default="")
    """The DAG that is run; empty: no file of the deployment may fail to import."""
    conf = models.JSONField(default=dict)
    seconds = models.IntegerField()
    """How long the run may take."""
    on_failure = models.CharField(max_length=10)
    """roll_back, or mark: only say so."""
    state = models.CharField(max_length=10, default="waiting")
    run_id = models.CharField(max_length=250, blank=True, default="")
    message = models.TextField(blank=True, default="")
    rolled_back_by = models.IntegerField(null=True)
    """The number of the deployment that took this one back."""
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "canary"
        indexes = [
            models.Index(
                fields=["tenant"], name="canary_open", condition=models.Q(state__in=["waiting", "running"])
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "deployment"], name="canary_uk"),
            TenantTable(name="canary_wall"),
            TenantForeignKey(name="canary_deployment_fk", column="deployment_id", target="deployment"),
        ]
