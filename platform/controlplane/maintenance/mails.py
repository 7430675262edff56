"""The service that sends mails about accounts: when one is queued, and when a failed one is due again."""

from __future__ import annotations

from controlplane.foundation.clock import utc_now
from controlplane.foundation.service import Service
from tenants.mail.queue import CHANNEL, is_set_up
from tenants.mail.send import send_due_mails

SECONDS = 30.0
IDLE_SECONDS = 3600.0


def mail_service() -> Service:
    """One statement in half a minute while there is nothing to send; none where mails are not set up."""

    def run_once(_: set[str]) -> float:
        if not is_set_up():
            return IDLE_SECONDS
        return 0.0 if send_due_mails(now=utc_now()).more else SECONDS

    return Service(name="mail", run_once=run_once, channels=(CHANNEL,), using="auth", poll_seconds=SECONDS)
