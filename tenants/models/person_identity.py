"""Under which name an identity provider knows a person of ours."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class PersonIdentity(models.Model):
    """`subject` is the provider's own, unchanging id. Addresses are never used to find a person."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey("tenants.IdentityProvider", on_delete=models.CASCADE, related_name="people")
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="identities")
    subject = models.CharField(max_length=255)
    user_name = models.CharField(max_length=255, blank=True)
    """SCIM's `userName`; the account's own name may have had to differ."""
    external_id = models.CharField(max_length=255, blank=True)
    """What SCIM clients call it."""
    groups = models.JSONField(default=list)
    """The groups that the provider told of last."""
    created_at = models.DateTimeField()
    last_sign_in_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "person_identity"
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject"], name="person_identity_uk"),
            PlatformTable(name="person_identity_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"}),
        ]
