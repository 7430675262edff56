"""One sign-in of a person: what an access token stands on. Ended, the token opens nothing any more."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class SignInSession(models.Model):
    """`method`: how the person proved who they are, as they read it in their list."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="sessions")
    method = models.CharField(max_length=40)
    address = models.CharField(max_length=64, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    provider = models.ForeignKey("tenants.IdentityProvider", on_delete=models.CASCADE, null=True)
    """The organisation's server that vouched for them; NULL: a password did."""
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    """Written at most once in five minutes."""
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_because = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "sign_in_session"
        constraints = [
            PlatformTable(name="sign_in_session_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"})
        ]
