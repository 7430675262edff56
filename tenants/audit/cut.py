"""Takes away the oldest rows of a tenant's chain: up to a row that a checkpoint signed, and never without saying so.

Before: the tenant keeps its audit for some days. After: a checkpoint says that the chain is kept from a row on, then the
rows before that one are gone, in batches. The row itself stays: it carries the hash that was signed, so that the rest
verifies as it did. What is to go is verified first: a chain that was tampered with is evidence, and is not cut. Rows
that an active stream has not delivered stay as well.

No role of a service may delete a row. The deleting is `app.cut_audit` (tenants/migrations/cut_audit.sql), which runs as
the tables' owner, and takes nothing that is younger than `LEAST_DAYS` or not announced by a checkpoint. Whoever deletes
without the installation's key is found by `verify_audit`. Called by the pruning of what tenants keep no longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final
from uuid import UUID

from django.db import connections
from django.db.models import Max, Min

from tenants.audit import checkpoint
from tenants.audit.chains import each_row, verifying_keys
from tenants.audit.checkpoint import CheckpointStore
from tenants.audit.sign_chain import sign_cut
from tenants.audit.verify import Finding, verify_chain
from tenants.models.audit_checkpoint import AuditCheckpoint
from tenants.models.audit_row import AuditRow
from tenants.models.audit_stream import AuditStream
from tenants.scope import tenant_scope

LEAST_DAYS: Final = 30
"""As in `app.cut_audit`, which has the last word."""
SPAN: Final = 20_000
"""Rows that one call verifies and takes away at most."""
BATCH: Final = 1000


class ChainBroken(RuntimeError):
    """What is to go is not as it was written: it stays, for whoever looks into it."""

    def __init__(self, finding: Finding | None, until: int) -> None:
        said = f"{finding.kind}: {finding.what}" if finding else f"no checkpoint vouches for row {until}"
        super().__init__(f"the audit chain does not hold, so nothing of it is cut: {said}")


@dataclass(frozen=True, slots=True)
class Cut:
    """`rows` went; `more`: there may be more of them."""

    rows: int
    more: bool


def cut_chain(
    *,
    chain: UUID,
    before: datetime,
    store: CheckpointStore,
    now: datetime,
    span: int = SPAN,
    using: str = "scheduler",
) -> Cut:
    """Take away rows of a tenant that are older than `before`. Outside of any scope; again goes on where it was.

    Raises ChainBroken, and CheckpointThere when somebody else signed the chain at the same time.
    """
    before = min(before, now - timedelta(days=LEAST_DAYS))
    with tenant_scope(chain, using=using):
        first = AuditRow.objects.using(using).filter(tenant_id=chain).aggregate(at=Min("seq"))["at"]
        points = AuditCheckpoint.objects.using(using).filter(tenant_id=chain)
        kept_from = points.aggregate(at=Max("kept_from"))["at"] or 1
        if first is None:
            return Cut(0, False)
        until = None if first < kept_from else _until(chain, first, first + span, before, using)
    if first < kept_from:  # it was said, and not done to the end
        return _delete(chain, kept_from, span, using)
    if until is None:
        return Cut(0, False)
    _check(chain, first, until, store)
    if not sign_cut(chain=chain, kept_from=until, store=store, now=now, using=using):
        return Cut(0, True)
    return _delete(chain, until, span, using)


def _until(chain: UUID, first: int, most: int, before: datetime, using: str) -> int | None:
    """The newest row that was signed, is old enough to be the first one kept, and follows what streams have delivered."""
    rows = AuditRow.objects.using(using).filter(tenant_id=chain, at__lt=before)
    old = rows.order_by("-at", "-seq").values_list("seq", flat=True).first()
    if old is None:
        return None
    streams = AuditStream.objects.using(using).filter(tenant_id=chain, state="active")
    delivered = streams.aggregate(at=Min("cursor"))["at"]
    most = min(most, old, most if delivered is None else delivered + 1)
    points = AuditCheckpoint.objects.using(using).filter(tenant_id=chain, seq__gt=first, seq__lte=most)
    found: int | None = points.aggregate(at=Max("seq"))["at"]
    return found


def _check(chain: UUID, first: int, until: int, store: CheckpointStore) -> None:
    """The part that is to go, and the row that is to stay."""
    points, _ = checkpoint.read_all(store.read(chain=chain), chain=chain, keys=verifying_keys())
    rows = takewhile(lambda row: row.seq <= until, each_row(chain, after=first - 1, as_hashed=True))
    verdict = verify_chain(chain=chain, rows=rows, checkpoints=points, until=until)
    if not verdict.holds or verdict.signed < until:
        raise ChainBroken(verdict.finding, until)


def _delete(chain: UUID, kept_from: int, most: int, using: str) -> Cut:
    """A transaction for each batch."""
    total = 0
    while total < most:
        with tenant_scope(chain, using=using), connections[using].cursor() as cursor:
            cursor.execute("SELECT app.cut_audit(%s, %s)", [kept_from, BATCH])
            gone = int((cursor.fetchone() or (0,))[0])
        total += gone
        if gone < BATCH:
            break
    # What was said and not taken yet goes on the next time; a batch that was refused is no reason to hurry.
    return Cut(total, total > 0)
