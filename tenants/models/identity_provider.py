"""Where the people of an organisation sign in: its own OpenID Connect or SAML server."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable

PROVIDER_KINDS = ("oidc", "saml")


class IdentityProvider(models.Model):
    """Good for the tenants of its organisation alone.

    `config`: what is not secret (client id, endpoints, certificates). `sealed`: the client's secret,
    encrypted for this row. `role_map`: a list of `{"group", "tenant", "role"}`; a person of the group gets the
    role in the tenant at each sign-in, and loses it when the group is gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey(
        "tenants.Organisation", on_delete=models.CASCADE, related_name="providers"
    )
    kind = models.CharField(max_length=10, choices=[(kind, kind) for kind in PROVIDER_KINDS])
    name = models.CharField(max_length=100)
    issuer = models.CharField(max_length=500)
    config = models.JSONField(default=dict)
    sealed = models.BinaryField(null=True)
    groups_claim = models.CharField(max_length=100, default="groups")
    role_map = models.JSONField(default=list)
    is_active = models.BooleanField(default=True)
    scim_digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of the token that the server provisions people with; empty: it does not."""
    created_at = models.DateTimeField()

    class Meta:
        db_table = "identity_provider"
        constraints = [
            PlatformTable(name="identity_provider_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"})
        ]
