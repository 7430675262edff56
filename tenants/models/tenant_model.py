"""What every tenant-owned row has: an id of ours, and its tenant."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7


class TenantModel(models.Model):
    """Abstract. Concrete models add `TenantTable(name="<table>_wall")` to `Meta.constraints`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.CASCADE, db_index=False, related_name="+")

    class Meta:
        abstract = True


def tenant_link(to: str, **kwargs: object) -> models.ForeignKey:  # type: ignore[type-arg]
    """A foreign key for Django; the database's own key is the composite `TenantForeignKey` beside it."""
    kwargs.setdefault("on_delete", models.CASCADE)
    kwargs.setdefault("related_name", "+")
    return models.ForeignKey(to, db_constraint=False, db_index=False, **kwargs)  # type: ignore[arg-type]
