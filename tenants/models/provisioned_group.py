"""A group as an identity provider manages it through SCIM. Who is in it: `PersonIdentity.groups`, by name."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class ProvisionedGroup(models.Model):
    """`name` is what role maps name."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(
        "tenants.IdentityProvider", on_delete=models.CASCADE, db_index=False, related_name="+"
    )
    name = models.CharField(max_length=255)
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "provisioned_group"
        constraints = [
            models.UniqueConstraint(fields=["provider", "name"], name="provisioned_group_uk"),
            PlatformTable(name="provisioned_group_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"}),
        ]
