"""What is in force: one object that binds code, runtime, and values of its own. Never changed, only followed."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Deployment(TenantModel):
    """`number` counts from 1 per tenant. The runtime (Airflow, Python, requirements) is the bundle version's.

    `state`: waiting (its files are being parsed, or its runtime built), active (in force: at most one),
    superseded (was in force), dropped (a later one came into force first), failed (`message` says why).
    """

    number = models.IntegerField()
    bundle_version = tenant_link("ledger.BundleVersion")
    overlay = tenant_link("ledger.DeploymentOverlay", null=True, on_delete=models.SET_NULL)
    reason = models.CharField(max_length=20)
    """push, upload, remote, person, rollback, promotion, upgrade."""
    of_number = models.IntegerField(null=True)
    """The deployment that it repeats, for a rollback."""
    state = models.CharField(max_length=10, default="waiting")
    message = models.TextField(blank=True, default="")
    created_by = models.CharField(max_length=150, blank=True, default="")
    summary = models.JSONField(default=dict)
    """`dags`: new, changed and gone DAG ids, against what was in force before."""
    pools_before = models.JSONField(default=dict)
    """Pool -> slots before this deployment set them; null for a pool that it made."""
    created_at = models.DateTimeField()
    activated_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "deployment"
        indexes = [
            models.Index(fields=["tenant", "bundle_version", "-number"], name="deployment_of_bundle"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="deployment_number_uk"),
            models.UniqueConstraint(
                fields=["tenant"], name="deployment_active_uk", condition=models.Q(state="active")
            ),
            TenantTable(name="deployment_wall"),
            TenantForeignKey(
                name="deployment_bundle_fk", column="bundle_version_id", target="bundle_version"
            ),
            TenantForeignKey(
                name="deployment_overlay_fk",
                column="overlay_id",
                target="deployment_overlay",
                on_delete="SET NULL",
            ),
        ]
