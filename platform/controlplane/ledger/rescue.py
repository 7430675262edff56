"""Lost attempts in the ledger: the same door out of `running` as a report, with the reason stored."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.transitions import Outcome, finish_tasks
from domain.retries import delay_seconds, should_retry


def lose_tasks(
    *, attempts: Sequence[tuple[UUID, int, str]], now: datetime, using: str
) -> set[tuple[UUID, int]]:
    """(id, epoch, reason): up_for_retry while tries are left, else failed. Returns what moved."""
    reasons = {(ref, epoch): reason for ref, epoch, reason in attempts}
    outcomes = []
    for row in execute("ledger/sql/read_attempts.sql", using=using, ids=[a[0] for a in attempts]):
        ref, epoch, try_number, max_tries, delay, multiplier, longest, dag_id, task_id, logical_date, *_ = row
        reason = reasons.get((ref, epoch))
        if reason is None:
            continue
        retry = should_retry(try_number=try_number, max_tries=max_tries)
        seconds = delay_seconds(
            retry_delay_seconds=delay,
            multiplier=multiplier,
            max_retry_delay_seconds=longest,
            try_number=try_number,
            key=(dag_id, task_id, logical_date),
        )
        outcomes.append(
            Outcome(
                id=ref,
                epoch=epoch,
                state="up_for_retry" if retry else "failed",
                ended_at=now,
                due_at=now + timedelta(seconds=seconds) if retry else None,
                died={"reason": "lost", "message": reason},
            )
        )
    return finish_tasks(outcomes=outcomes, now=now, using=using) if outcomes else set()
