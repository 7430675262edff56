"""Says one message to one receiver: HTTP or mail, once, within bounds. What the answer means for another try.

Addresses that tenants name are resolved once and must be the Internet's own (`secrets.egress`); no redirect is followed,
no proxy asked. A receiver that takes it twice knows it by its key: a webhook by `webhook-id`, PagerDuty by `dedup_key`,
a mail by its Message-ID.
"""

from __future__ import annotations

import json
import smtplib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from requests import RequestException
from standardwebhooks import Webhook

from controlplane.secrets.egress import AddressRefused, AnswerTooLong, GuardedSession
from domain.alerting import forms
from domain.alerting.message import Message

SECONDS = 10.0
MOST_ANSWER_BYTES = 64 * 1024
PAGERDUTY = {
    "us": "https://events.pagerduty.com/v2/enqueue",
    "eu": "https://events.eu.pagerduty.com/v2/enqueue",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` of HTTP, if there was one; `error`: None when it was taken; `is_final`: another try cannot help."""

    status: int | None
    error: str | None
    is_final: bool = False
    retry_after_seconds: float | None = None


def speak(
    *,
    kind: str,
    config: Mapping[str, Any],
    secret: Mapping[str, str],
    message: Message,
    notification: UUID,
    made_at: datetime,
    now: datetime,
) -> Answer:
    """Never raises for what a receiver does; its words are not repeated in `error`, they may hold anything."""
    if kind == "email":
        return _mail(config["to"], message, notification)
    headers = {"Content-Type": "application/json", "User-Agent": "Aerodrome"}
    if kind == "slack":
        return _post(secret["url"], _json(forms.slack(message)), headers)
    if kind == "teams":
        return _post(secret["url"], _json(forms.teams(message)), headers)
    if kind == "pagerduty":
        body = forms.pagerduty(message, routing_key=secret["routing_key"])
        return _post(PAGERDUTY[config["region"]], _json(body), headers)
    body = _json(forms.webhook(message, at=made_at.isoformat()))
    return _post(secret["url"], body, headers | signed(secret["signing_secret"], notification, now, body))


def signed(signing_secret: str, notification: UUID, now: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: the id is the same in every try, the timestamp is the try's own."""
    identity = f"msg_{notification.hex}"
    signature = Webhook(signing_secret).sign(identity, now, body.decode())
    return {
        "webhook-id": identity,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature,
    }


def _post(url: str, body: bytes, headers: dict[str, str]) -> Answer:
    session = GuardedSession(allowed=settings.NOTIFY_NETWORKS, seconds=SECONDS, most_bytes=MOST_ANSWER_BYTES)
    try:
        with session:
            answer = session.post(url, data=body, headers=headers)
    except AddressRefused:
        return Answer(None, "the address is not one of the Internet's own", is_final=True)
    except AnswerTooLong:
        return Answer(None, "the answer was too long")
    except (RequestException, OSError, ValueError) as error:
        if _refused(error):
            return Answer(None, "the address is not one of the Internet's own", is_final=True)
        return Answer(None, f"{type(error).__name__} at {urlsplit(url).hostname}")
    if 200 <= answer.status_code < 300:
        return Answer(answer.status_code, None)
    # Too many requests and time-outs pass; a receiver that says "gone" or "not you" says so tomorrow as well.
    final = 300 <= answer.status_code < 500 and answer.status_code not in (408, 425, 429)
    wait = answer.headers.get("Retry-After", "")
    return Answer(
        answer.status_code,
        f"{urlsplit(url).hostname} answered {answer.status_code}",
        is_final=final,
        retry_after_seconds=float(wait) if wait.isdigit() and len(wait) < 6 else None,
    )


def _refused(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, AddressRefused) or "is an internal address" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _mail(to: list[str], message: Message, notification: UUID) -> Answer:
    if not settings.SMTP_URL:
        return Answer(None, "this installation sends no mails (AERODROME_SMTP_URL)", is_final=True)
    subject, text = forms.email(message)
    headers = {
        "Message-ID": f"<{notification.hex}@aerodrome>",
        "Date": formatdate(usegmt=True),
        "X-Aerodrome-Alert": message.id,
        "Auto-Submitted": "auto-generated",
    }
    options = {**settings.SMTP_OPTIONS, "timeout": SECONDS}
    server = get_connection("django.core.mail.backends.smtp.EmailBackend", **options)
    try:
        EmailMessage(subject, text, settings.MAIL_FROM, to, connection=server, headers=headers).send()
    except smtplib.SMTPRecipientsRefused:
        return Answer(None, "the mail server refused the addresses", is_final=True)
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return Answer(None, f"the mail server: {type(error).__name__}")
    return Answer(None, None)


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
