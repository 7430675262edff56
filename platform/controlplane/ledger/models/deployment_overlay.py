"""Values that come and go with a deployment: variables, connections and pools laid over the tenant's own."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class DeploymentOverlay(TenantModel):
    """Never changed: another set of values is another row. Names are in clear, values are sealed."""

    names = models.JSONField(default=dict)
    """`variables` and `connections`: their sorted names."""
    pools = models.JSONField(default=dict)
    """Pool -> slots."""
    sealed = models.BinaryField(null=True)
    """An envelope of JSON: `variables` (key -> text) and `connections` (id -> fields)."""
    created_by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        db_table = "deployment_overlay"
        constraints = [TenantTable(name="deployment_overlay_wall")]
