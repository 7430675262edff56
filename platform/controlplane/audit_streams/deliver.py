"""Sends a tenant's audit rows to its streams: in order, at least once, from where each stream has got to.

The cursor moves when the receiver said that it has the rows, in a transaction of its own: who dies in between sends
them again. Rows have ids, batches have a first and a last row; a receiver that keeps them knows what it has. Nothing of
the database is held while a receiver takes its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from controlplane.audit_streams.send import Answer, send
from controlplane.audit_streams.streams import secret_of
from controlplane.secrets.contract import KeyUnavailable, SealBroken
from domain.retry_waits import wait_seconds
from tenants.audit.chains import read_piece
from tenants.audit.export import as_ndjson
from tenants.models.audit_stream import AuditStream
from tenants.scope import tenant_scope

log = structlog.get_logger("audit")

BATCH_ROWS: Final = 100
BATCH_BYTES: Final = 200_000
BATCHES: Final = 10
"""Of one stream in one visit: the others wait."""


def deliver_tenant(
    *, tenant_id: UUID, now: datetime, using: str = "scheduler"
) -> tuple[int, datetime | None]:
    """How many rows arrived, and when there is more to do; None: all streams have all."""
    with tenant_scope(tenant_id, using=using):
        streams = list(AuditStream.objects.using(using).filter(state="active").order_by("id"))
    count, later = 0, []
    for stream in streams:
        if stream.next_at is not None and stream.next_at > now:
            later.append(stream.next_at)
            continue
        sent, again_at = _deliver(stream, now, using)
        count += sent
        if again_at is not None:
            later.append(again_at)
    return count, min(later, default=None)


def _deliver(stream: AuditStream, now: datetime, using: str) -> tuple[int, datetime | None]:
    count = 0
    for _ in range(BATCHES):
        rows = read_piece(stream.tenant_id, after=stream.cursor, most=BATCH_ROWS, using=using)
        if not rows:
            return count, None
        lines = _fitting(rows, stream.tenant_id)
        try:
            with tenant_scope(stream.tenant_id, using=using):
                secret = secret_of(stream, using=using)
            answer = send(
                stream=stream,
                secret=secret,
                first=rows[0].seq,
                last=rows[len(lines) - 1].seq,
                lines=lines,
                now=now,
            )
        except (KeyUnavailable, SealBroken) as error:
            answer = Answer(error=f"its secret cannot be opened: {type(error).__name__}")
        if answer.error is not None:
            return count, _note_failure(stream, answer, now, using)
        if not _note(stream, using, cursor=rows[len(lines) - 1].seq, delivered_at=now):
            return count, now  # somebody changed the stream, or sent the same
        count += len(lines)
    return count, now


def _fitting(rows: Sequence[Any], chain: UUID) -> list[bytes]:
    """The rows as lines, as many as a request may hold, at least one."""
    lines: list[bytes] = []
    size = 0
    for line in as_ndjson(rows, chain=chain):
        size += len(line)
        if lines and size > BATCH_BYTES:
            break
        lines.append(line)
    return lines


def _note_failure(stream: AuditStream, answer: Answer, now: datetime, using: str) -> datetime | None:
    tries = stream.attempts + 1
    wait = max(wait_seconds(tries=tries, seed=stream.id.int % 1000), answer.retry_after_seconds or 0.0)
    next_at = now + timedelta(seconds=min(wait, 86_400.0))
    state = "stopped" if answer.is_gone else "active"
    log.warning(
        "audit.stream_failed", tenant=str(stream.tenant_id), stream=str(stream.id), error=answer.error
    )
    _note(stream, using, attempts=tries, next_at=next_at, last_error=str(answer.error)[:300], state=state)
    return None if answer.is_gone else next_at


def _note(stream: AuditStream, using: str, **fields: Any) -> bool:
    """Compare and set: nothing happens when the stream was paused, or moved on, meanwhile."""
    values = {"attempts": 0, "next_at": None, "last_error": "", **fields}
    with tenant_scope(stream.tenant_id, using=using):
        mine = AuditStream.objects.using(using).filter(id=stream.id, cursor=stream.cursor, state="active")
        if not mine.update(**values):
            return False
    for name, value in values.items():
        setattr(stream, name, value)
    return True
