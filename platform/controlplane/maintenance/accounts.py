"""Forgets what accounts no longer need: sign-ins that are over, links nobody followed, set-ups never finished."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q

from tenants.models.invitation import Invitation
from tenants.models.sign_in_factor import SignInFactor
from tenants.models.sign_in_session import SignInSession

BATCH = 5000
KEEP_DAYS = 30
SETUP_HOURS = 1


def forget_old(*, now: datetime, using: str = "scheduler") -> str:
    """At most `BATCH` of each kind, as the sign-in role. A line for operators."""
    old = now - timedelta(days=KEEP_DAYS)
    over = SignInSession.objects.using("auth").filter(Q(ended_at__lt=old) | Q(expires_at__lt=old))
    gone = {
        "sign-ins": _delete(over),
        "invitations": _delete(Invitation.objects.using("auth").filter(expires_at__lt=old)),
        "unfinished second factors": _delete(
            SignInFactor.objects.using("auth").filter(
                confirmed_at=None, created_at__lt=now - timedelta(hours=SETUP_HOURS)
            )
        ),
    }
    return ", ".join(f"{count} {what}" for what, count in gone.items()) + " forgotten"


def _delete(rows: object) -> int:
    keys = list(rows.order_by().values_list("pk", flat=True)[:BATCH])  # type: ignore[attr-defined]
    rows.filter(pk__in=keys).delete()  # type: ignore[attr-defined]
    return len(keys)
