"""Who belongs to which organisation, in which role."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable

ORGANISATION_ROLES = ("Owner", "Admin", "Billing", "Member")
"""What each may do is `tenants.organisation_permissions`. None of them opens a tenant by itself."""


class OrganisationMember(models.Model):
    """One person in one organisation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(
        "tenants.Organisation", on_delete=models.CASCADE, db_index=False, related_name="members"
    )
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="+")
    role = models.CharField(max_length=20, choices=[(role, role) for role in ORGANISATION_ROLES])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "organisation_member"
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="organisation_member_uk"),
            PlatformTable(
                name="organisation_member_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"}
            ),
        ]
