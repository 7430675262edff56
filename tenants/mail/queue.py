"""Puts a mail on its way, in the transaction of what it tells. Nothing is sent here."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from controlplane.foundation.db import notify
from tenants.models.mail import MAIL_KINDS, Mail

CHANNEL = "mail"


class MailNotSetUp(Exception):
    """This installation sends no mails: AERODROME_SMTP_URL is not set."""


def is_set_up() -> bool:
    """Whether mails go out at all."""
    return bool(settings.SMTP_URL)


def queue_mail(*, kind: str, address: str, ref: UUID, now: datetime, using: str = "auth") -> bool:
    """`kind` and `ref`: see `tenants.models.mail.Mail`. False where mails are not set up, or there is no
    address: nothing happens then."""
    if kind not in MAIL_KINDS:
        raise ValueError(f"there is no kind of mail '{kind}'")
    if not is_set_up() or not address:
        return False
    # No RETURNING: the application's role may put mails in, and read none.
    Mail.objects.using(using).bulk_create(
        [Mail(kind=kind, address=address, ref=ref, created_at=now, due_at=now)]
    )
    notify(CHANNEL, using=using)
    return True
