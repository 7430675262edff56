"""Sends what is due, one mail after the other, each at least once; a server that is away is tried again.

Called by the maintenance process. A mail is taken (its next try is put off) before it is sent, so that two
processes do not send the same one and a crash in between loses none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.db.models import F

from tenants.mail.write import write_mail
from tenants.models.mail import Mail

log = structlog.get_logger("mail")

BATCH = 50
TRIES = 12
FIRST_WAIT_SECONDS = 30.0
LONGEST_WAIT_SECONDS = 6 * 3600.0
TAKEN_SECONDS = 120.0


@dataclass(slots=True)
class Sent:
    """What one call did. `more`: there may be further mails due."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0
    more: bool = False


def send_due_mails(*, now: datetime) -> Sent:
    """At most `BATCH` mails. The server's refusal of an address, and the last try, end a mail."""
    done = Sent()
    due = _take(now)
    done.more = len(due) == BATCH
    for mail in due:
        written = write_mail(mail, now=now)
        if written is None:
            _end(mail)
            done.dropped += 1
            continue
        message = EmailMessage(
            written.subject, written.body, settings.MAIL_FROM, [mail.address], connection=_server()
        )
        try:
            message.send()
        except (SMTPException, OSError, ValueError) as error:
            done.failed += 1
            last = mail.tries >= TRIES or _refused_for_good(error)
            log.warning(
                "mail.failed", mail=str(mail.id), kind=mail.kind, error=type(error).__name__, last=last
            )
            if last:
                _end(mail)
            else:
                wait = min(FIRST_WAIT_SECONDS * 2 ** (mail.tries - 1), LONGEST_WAIT_SECONDS)
                Mail.objects.using("auth").filter(id=mail.id).update(due_at=now + timedelta(seconds=wait))
            continue
        _end(mail)
        done.sent += 1
    return done


def _take(now: datetime) -> list[Mail]:
    with transaction.atomic(using="auth"):
        rows = Mail.objects.using("auth").filter(due_at__lte=now).order_by("due_at")
        due = list(rows.select_for_update(skip_locked=True)[:BATCH])
        Mail.objects.using("auth").filter(id__in=[mail.id for mail in due]).update(
            due_at=now + timedelta(seconds=TAKEN_SECONDS), tries=F("tries") + 1
        )
    for mail in due:
        mail.tries += 1
    return due


def _refused_for_good(error: Exception) -> bool:
    """Whether the server knows that it will never take the address (RFC 5321, 4.2.1: replies of 500 and more)."""
    return isinstance(error, SMTPRecipientsRefused) and all(
        code >= 500 for code, _ in error.recipients.values()
    )


def _server() -> EmailBackend:
    options: dict[str, Any] = settings.SMTP_OPTIONS
    return EmailBackend(**options)


def _end(mail: Mail) -> None:
    Mail.objects.using("auth").filter(id=mail.id).delete()
