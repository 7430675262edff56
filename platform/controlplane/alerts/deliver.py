"""Notifications are sent: claimed across tenants by a lease, said outside of any transaction, and noted.

At least once: a sender that dies between the receiver's answer and the note is followed by one that says it again, with
the same key. Tries wait longer each time, for hours; then the notification is given up and its channel shows why.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from controlplane.alerts.channels import secret_of
from controlplane.alerts.speak import Answer, speak
from controlplane.foundation.db import execute, json_parameter
from controlplane.ledger.models.notification import Notification
from controlplane.secrets.contract import KeyUnavailable, SealBroken
from domain.alerting.message import from_json
from domain.retry_waits import wait_seconds
from tenants.scope import tenant_scope

log = structlog.get_logger("alerts")

BATCH = 16
LEASE_SECONDS = 60.0
TRIES = 12
USING = "scheduler"


def deliver_due(*, now: datetime, using: str = USING) -> int:
    """Send what is due, at most a batch, several at a time; how many were claimed."""
    claimed = execute("alerts/sql/claim_due.sql", using=using, seconds=LEASE_SECONDS, batch=BATCH)
    jobs = [prepared for row in claimed if (prepared := _prepare(*row, now, using)) is not None]
    if not jobs:
        return len(claimed)
    with ThreadPoolExecutor(min(len(jobs), 8), thread_name_prefix="deliver") as pool:
        answers = list(pool.map(lambda job: job.say(), jobs))
    for job, answer in zip(jobs, answers, strict=True):
        job.note(answer)
    return len(claimed)


class _Job:
    """One notification, with all that saying it needs: no database while it is said."""

    def __init__(
        self,
        due: UUID,
        tenant: UUID,
        fence: int,
        row: Notification,
        secret: dict[str, str],
        now: datetime,
        using: str,
    ) -> None:
        self.due, self.tenant, self.fence, self.row = due, tenant, fence, row
        self.secret, self.now, self.using = secret, now, using

    def say(self) -> Answer:
        try:
            return speak(
                kind=self.row.channel.kind,
                config=self.row.channel.config,
                secret=self.secret,
                message=from_json(self.row.message),
                notification=self.row.id,
                made_at=self.row.created_at,
                now=self.now,
            )
        except Exception as error:
            log.exception("notification.broken", notification=str(self.row.id))
            return Answer(None, f"our fault: {type(error).__name__}")

    def note(self, answer: Answer) -> None:
        given_up = answer.error is not None and (answer.is_final or self.row.attempts + 1 >= TRIES)
        state = "sent" if answer.error is None else "failed" if given_up else "pending"
        again = None
        if state == "pending":
            wait = wait_seconds(tries=self.row.attempts + 1, seed=self.row.id.int)
            again = self.now + timedelta(seconds=max(wait, answer.retry_after_seconds or 0.0))
        with tenant_scope(self.tenant, using=self.using):
            execute(
                "alerts/sql/note_try.sql",
                using=self.using,
                due=self.due,
                fence=self.fence,
                state=state,
                again_at=again,
                **{"try": json_parameter([_entry(answer, self.now)])},
                error=answer.error,
                now=self.now,
            )
        log.info("notification.tried", notification=str(self.row.id), state=state, status=answer.status)


def _entry(answer: Answer, now: datetime) -> dict[str, object]:
    return {"at": now.isoformat(), "status": answer.status, "error": answer.error}


def _prepare(
    due: UUID, tenant: UUID, notification: UUID, fence: int, now: datetime, using: str
) -> _Job | None:
    with tenant_scope(tenant, using=using):
        rows = Notification.objects.using(using).select_related("channel").filter(id=notification)
        row = rows.first()
        if row is None:
            return None
        try:
            secret = secret_of(row.channel, using=using)
        except (SealBroken, KeyUnavailable) as error:
            log.warning("notification.sealed", notification=str(notification), error=type(error).__name__)
            secret = None
    if secret is None:
        # Not said at all rather than without its credential; the key may come back.
        _Job(due, tenant, fence, row, {}, now, using).note(Answer(None, "its credential cannot be opened"))
        return None
    return _Job(due, tenant, fence, row, secret, now, using)
