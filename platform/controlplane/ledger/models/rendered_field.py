"""The templated fields of the newest try, as they were rendered, secrets masked."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantForeignKey, TenantTable


class RenderedField(TenantModel):
    """One row per task instance: `id` is the task instance's id."""

    fields = models.JSONField()

    class Meta:
        db_table = "rendered_field"
        constraints = [
            TenantTable(name="rendered_field_wall"),
            TenantForeignKey(name="rendered_field_ti_fk", column="id", target="task_instance"),
        ]
