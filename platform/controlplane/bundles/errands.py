"""Asking for an errand: something outside that a row waits for. `maintenance.errands` goes.

Inside the tenant's scope. Asked for twice, it is one errand; asked for while somebody is on the way, it is done
once more afterwards.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute, notify
from controlplane.ledger.models.errand import Errand
from tenants.scope import current_tenant

CHANNEL = "errand"


def ask_errand(*, kind: str, ref: UUID, due_at: datetime, using: str = "default") -> None:
    """`kind` and `ref` as in `ledger.models.errand`. Whoever goes is woken at commit."""
    execute("bundles/sql/ask_errand.sql", using=using, kind=kind, ref=ref, due_at=due_at)
    notify(CHANNEL, str(current_tenant(using=using)), using=using)


def drop_errand(*, kind: str, ref: UUID, using: str = "default") -> None:
    """Nobody goes any more."""
    Errand.objects.using(using).filter(kind=kind, ref=ref).delete()
