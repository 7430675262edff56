"""Makes a chain's next checkpoint. Called by the periodic visit of chains that moved."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from tenants.audit.chains import signing_key, verifying_keys
from tenants.audit.checkpoint import Checkpoint, CheckpointStore, digest_of_text, read, sign
from tenants.audit.entry import PLATFORM
from tenants.models.audit_checkpoint import AuditCheckpoint, PlatformAuditCheckpoint
from tenants.models.audit_row import AuditRow, PlatformAuditRow
from tenants.scope import tenant_scope

MOST_ROWS: Final = 1000
"""A chain that moved so far is signed at once, however young its last checkpoint is."""


@dataclass(frozen=True, slots=True)
class Signed:
    """`seq` is signed. `again_at`: when the rows behind it are due; None: there are none."""

    seq: int
    again_at: datetime | None


def sign_chain(
    *, chain: UUID, store: CheckpointStore, now: datetime, every_seconds: int, using: str = "scheduler"
) -> Signed:
    """Sign the newest row, unless the last checkpoint is young and few rows came since.

    The copy elsewhere is written before the database knows of it. A copy without a row in the database (a crash
    in between) is taken over by the next call, which finds its number taken.
    """
    alias = "auth" if chain == PLATFORM else using
    with _scope(chain, alias):
        points, rows = _tables(chain, alias)
        last = points.order_by("-number").values_list("number", "seq", "at").first() or (0, 0, None)
        head = rows.order_by("-seq").values_list("seq", "hash").first()
    number, seq, at = last
    if head is None or head[0] <= seq:
        return Signed(seq, None)
    due = None if at is None else at + timedelta(seconds=every_seconds)
    if due is not None and due > now and head[0] - seq < MOST_ROWS:
        return Signed(seq, due)
    if (there := store.get(chain=chain, number=number + 1)) is not None:
        return _adopt(chain, alias, there, now)
    return Signed(_put(chain, alias, store, number, head, now, None).seq, None)


def sign_cut(*, chain: UUID, kept_from: int, store: CheckpointStore, now: datetime, using: str) -> bool:
    """Sign that a tenant's chain is kept from this row on, with its newest row. False: a checkpoint that was written
    and not remembered was taken over instead; ask again. Raises CheckpointThere: somebody else signed just now."""
    with _scope(chain, using):
        points, rows = _tables(chain, using)
        number = points.order_by("-number").values_list("number", flat=True).first() or 0
        head = rows.order_by("-seq").values_list("seq", "hash").first()
    if (there := store.get(chain=chain, number=number + 1)) is not None:
        _adopt(chain, using, there, now)
        return False
    _put(chain, using, store, number, head, now, kept_from)
    return True


def _put(
    chain: UUID,
    alias: str,
    store: CheckpointStore,
    number: int,
    head: Any,
    now: datetime,
    kept_from: int | None,
) -> Checkpoint:
    """The one after `number`, of the row (seq, hash) `head`."""
    last_text = store.get(chain=chain, number=number) if number else None
    before = digest_of_text(last_text) if last_text is not None else ""
    point = Checkpoint(
        chain=chain,
        number=number + 1,
        seq=head[0],
        hash=bytes(head[1]),
        at=now,
        before=before,
        kept_from=kept_from,
    )
    store.put(chain=chain, number=number + 1, text=sign(point, key=signing_key()))
    _remember(chain, alias, point)
    return point


def _adopt(chain: UUID, alias: str, text: str, now: datetime) -> Signed:
    """A checkpoint that was written and not remembered. Raises CheckpointBroken when it is not ours."""
    point = read(text, keys=verifying_keys())
    _remember(chain, alias, point)
    return Signed(point.seq, now)


def _remember(chain: UUID, alias: str, point: Checkpoint) -> None:
    values = {"number": point.number, "seq": point.seq, "hash": point.hash, "at": point.at}
    values["kept_from"] = point.kept_from
    with _scope(chain, alias):
        if chain == PLATFORM:
            PlatformAuditCheckpoint(**values).save(using=alias, force_insert=True)
        else:
            AuditCheckpoint(tenant_id=chain, **values).save(using=alias, force_insert=True)


def _tables(chain: UUID, alias: str) -> tuple[Any, Any]:
    if chain == PLATFORM:
        return PlatformAuditCheckpoint.objects.using(alias), PlatformAuditRow.objects.using(alias)
    points = AuditCheckpoint.objects.using(alias).filter(tenant_id=chain)
    return points, AuditRow.objects.using(alias).filter(tenant_id=chain)


def _scope(chain: UUID, alias: str) -> AbstractContextManager[None]:
    return transaction.atomic(using=alias) if chain == PLATFORM else tenant_scope(chain, using=alias)
