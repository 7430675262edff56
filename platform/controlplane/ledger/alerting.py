"""Something happened that tenants may have rules about: the one way to say so, for all stations.

`tell` is one statement and writes nothing where no enabled rule wants the kind. It belongs into the transaction in
which the thing happened. Failures of runs and tasks, import errors and queues without agents are told by the ledger's
own statements. Nothing of a secret's value may be in `subject` or `detail`: people and outside services read them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute

KINDS = frozenset(
    {"deadline_missed", "secret_failed", "budget_burn", "run_absent", "import_error", "no_consumer"}
    | {"dag_paused", "retry_budget", "canary_failed"}
)
"""What may be told here. `domain.alerting.rules` says which rules want it."""


class SignalUnknown(ValueError):
    """No rule could want it."""


def tell(
    *,
    kind: str,
    now: datetime,
    subject: str = "",
    dag_id: str | None = None,
    ref: UUID | None = None,
    detail: dict[str, Any] | None = None,
    using: str = "default",
) -> bool:
    """`subject`: the secret's path, the budget's name, the queue. `ref`: a run, if it is about one. `detail` may hold
    `what` (one line for people). Inside the tenant's scope. Returns whether somebody wanted it."""
    if kind not in KINDS:
        raise SignalUnknown(kind)
    rows = execute(
        "ledger/sql/tell_signal.sql",
        using=using,
        kind=kind,
        ref=ref,
        dag_id=dag_id,
        subject=subject[:1000],
        detail=detail or {},
        now=now,
    )
    return bool(rows)
