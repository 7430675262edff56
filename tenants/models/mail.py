"""Mails about accounts that are to be sent. What they say, and their links, are made when they are sent."""

from __future__ import annotations

from django.db import models

from domain.ids import uuid7
from tenants.rls import PlatformTable

MAIL_KINDS = ("verify", "reset", "changed", "invite", "deleting", "email-old", "email-new", "email-changed")


class Mail(models.Model):
    """`ref`: the account (`verify`, `reset`, `changed`, `email-changed`), the change of address (`email-old`,
    `email-new`), the invitation (`invite`) or the tenant (`deleting`) it is about. Holds no secret: a link's token is
    signed when the mail goes out. Deleted when sent."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=20, choices=[(kind, kind) for kind in MAIL_KINDS])
    address = models.EmailField()
    ref = models.UUIDField()
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    tries = models.IntegerField(default=0)

    class Meta:
        db_table = "mail"
        indexes = [models.Index(fields=["due_at"], name="mail_due")]
        constraints = [
            PlatformTable(
                name="mail_grants", grants={"app": "INSERT", "auth": "SELECT, INSERT, UPDATE, DELETE"}
            )
        ]
