"""What a person proves themselves with beside the password."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable

FACTOR_KINDS = ("totp", "webauthn", "recovery")


class SignInFactor(models.Model):
    """One authenticator app, one security key or passkey, or one unused recovery code.

    `sealed`: the app's secret or the key's public half, encrypted for this row (`tenants.factors.seal`); of a
    recovery code a salted digest alone, in `digest`. Not `confirmed_at`: set up has begun, it opens nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey("tenants.User", on_delete=models.CASCADE, related_name="factors")
    kind = models.CharField(max_length=20, choices=[(kind, kind) for kind in FACTOR_KINDS])
    name = models.CharField(max_length=100, blank=True)
    sealed = models.BinaryField(null=True)
    digest = models.CharField(max_length=64, blank=True)
    counter = models.BigIntegerField(default=-1)
    """The last one that was taken: a code of an app, or a signature of a key, is good once."""
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sign_in_factor"
        constraints = [
            PlatformTable(name="sign_in_factor_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"})
        ]
