"""A person who changes their e-mail address: what has been confirmed of it so far."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable


class EmailChange(models.Model):
    """At most one of a person. `email`: the new address. An instant stands where mails to that address were proved to
    reach the person; the old one need not be, where it never was. Deleted when it is done or taken back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField("tenants.User", on_delete=models.CASCADE, related_name="+")
    email = models.EmailField()
    old_confirmed_at = models.DateTimeField(null=True)
    new_confirmed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "email_change"
        constraints = [
            PlatformTable(name="email_change_grants", grants={"auth": "SELECT, INSERT, UPDATE, DELETE"})
        ]
