"""Reads a chain from its first row to its last and names the first one that is not as it was written. Pure.

What each finding means: `altered`: the row's content or hash was changed. `removed`: rows are missing before one
that is there. `reordered`: the row that belongs here stands elsewhere. `cut off`: the chain ends before a row that
a checkpoint signed. `rewritten`: the chain is whole in itself and not the one that was signed. `checkpoint`: a
checkpoint itself is altered, unreadable or missing, or says that the chain is kept from a row that none signed.

Where a checkpoint says that rows are kept from one on, the chain begins there: at a row that an earlier checkpoint signed.
What was before it is gone, and no part of the promise any more. Without such a word missing rows are `removed`. Rows
after the newest checkpoint are protected by the chain alone: whoever owns the database can cut those, for the seconds
until the next checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol
from uuid import UUID

from tenants.audit.checkpoint import Checkpoint
from tenants.audit.entry import FIELDS, PLATFORM, START, ChainHashes, digest_of, link

_NEAR: Final = 1000
"""How far a row is looked for that was moved."""


class Row(Protocol):
    """A row of either table."""

    seq: int
    prev: Any
    digest: Any
    hash: Any


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong. `seq`: where on the chain; `row_id`: of the row that stands there, if any."""

    kind: str
    seq: int
    what: str
    row_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`rows` were read, up to the finding; `signed`: up to where checkpoints vouch for them; `begins`: the first row that
    is kept, since `cut_at` where that is not the first one of all."""

    chain: UUID
    rows: int
    signed: int
    finding: Finding | None
    begins: int = 1
    cut_at: datetime | None = None

    @property
    def holds(self) -> bool:
        return self.finding is None

    def words(self) -> dict[str, Any]:
        """For people and programs."""
        chain = "platform" if self.chain == PLATFORM else str(self.chain)
        said: dict[str, Any] = {
            "chain": chain,
            "holds": self.holds,
            "rows": self.rows,
            "signed_to": self.signed,
            "kept_from": self.begins,
        }
        if self.cut_at is not None:
            said["kept_since"] = self.cut_at.isoformat()
        if (found := self.finding) is not None:
            row_id = str(found.row_id) if found.row_id else None
            said |= {"kind": found.kind, "row": found.seq, "row_id": row_id, "what": found.what}
        return said


def content_of(row: Any, *, chain: UUID) -> dict[str, Any]:
    """What of a row is under its digest."""
    fields = {name: getattr(row, name) for name in FIELDS}
    return fields if chain != PLATFORM else {**fields, "organisation_id": row.organisation_id}


def verify_chain(
    *,
    chain: UUID,
    rows: Iterable[Any],
    checkpoints: list[Checkpoint],
    broken_checkpoint: str | None = None,
    find_follower: Callable[[bytes], int | None] = lambda prev: None,
    until: int | None = None,
) -> Verdict:
    """`rows` in the order of `seq`. `checkpoints`: those with a good signature, by number; `broken_checkpoint`:
    what is wrong with one, if anything. `find_follower`: where the row stands that says it follows this hash.
    `until`: `rows` end there, and checkpoints of later ones are not held against them."""
    wanted = {point.seq: point for point in checkpoints if until is None or point.seq <= until}
    cut = last_cut(checkpoints)
    begins, cut_at = (cut.kept_from or 1, cut.at) if cut else (1, None)
    expected, signed = begins, begins - 1
    prev: bytes | None = START if begins == 1 else None
    hashes = ChainHashes(chain=chain)

    def verdict(finding: Finding | None) -> Verdict:
        return Verdict(chain, expected - begins, signed, finding, begins, cut_at)

    if begins > 1 and begins not in wanted:
        what = f"checkpoint {cut and cut.number} says that rows are kept from {begins} on, which no checkpoint signed"
        return verdict(Finding("checkpoint", begins, what))
    for row in rows:
        if row.seq < begins:
            continue  # it is on its way out
        good = (
            row.seq == expected
            and bytes(row.prev) == prev
            and bytes(row.digest) == (digest := hashes.digest(row))
            and bytes(row.hash) == hashes.link(seq=expected, prev=prev or START, digest=digest)
        )
        finding = None if good else _of_row(row, chain, expected, prev, find_follower)
        if finding is None and (point := wanted.get(row.seq)) is not None:
            if point.hash != bytes(row.hash):
                what = (
                    f"the chain is not the one that checkpoint {point.number} signed at row {row.seq}: "
                    f"row {signed + 1} is the first that may be another one"
                )
                finding = Finding("rewritten", signed + 1, what)
            else:
                signed = row.seq
        if finding is not None:
            return verdict(finding)
        expected, prev = row.seq + 1, bytes(row.hash)
    last = max(wanted, default=0)
    if last >= expected:
        what = f"the chain ends at row {expected - 1}; checkpoint {wanted[last].number} signed row {last}"
        return verdict(Finding("cut off", expected, what))
    if broken_checkpoint is not None:
        return verdict(Finding("checkpoint", signed, broken_checkpoint))
    return verdict(None)


def last_cut(checkpoints: list[Checkpoint]) -> Checkpoint | None:
    """The checkpoint that says from where on rows are kept; None while all are."""
    cuts = [point for point in checkpoints if point.kept_from is not None]
    return max(cuts, key=lambda point: point.kept_from or 0, default=None)


def _of_row(
    row: Any, chain: UUID, expected: int, prev: bytes | None, find_follower: Callable[[bytes], int | None]
) -> Finding | None:
    """`prev` None: of the first row that is kept, whose hash a checkpoint signed with what it follows."""
    if row.seq != expected:
        elsewhere = None if prev is None else find_follower(prev)
        if elsewhere is not None and elsewhere != row.seq:
            return Finding("reordered", expected, f"row {expected} stands at place {elsewhere}")
        missing = f"row {expected}" if row.seq == expected + 1 else f"rows {expected} to {row.seq - 1}"
        return Finding("removed", expected, f"{missing} is missing before row {row.seq}", _id(row))
    digest = bytes(row.digest)
    if digest_of(content_of(row, chain=chain), chain=chain) != digest:
        return Finding("altered", expected, "the content is not what was recorded", _id(row))
    prev = bytes(row.prev) if prev is None else prev
    if (
        link(chain=chain, seq=row.seq, prev=prev, digest=digest) == bytes(row.hash)
        and bytes(row.prev) == prev
    ):
        return None
    if bytes(row.prev) == prev and find_follower(prev) == row.seq:
        return Finding("altered", expected, "content and digest, or the hash, were written anew", _id(row))
    elsewhere = find_follower(prev)
    if elsewhere is not None and elsewhere != row.seq:
        return Finding(
            "reordered", expected, f"the row that belongs here stands at place {elsewhere}", _id(row)
        )
    was = _place_of(row, chain)
    if was is not None and was > expected:
        what = f"the row that belongs here is gone; what stands here was row {was}"
        return Finding("removed", expected, what, _id(row))
    return Finding("altered", expected, "the row does not follow the one before it", _id(row))


def _id(row: Any) -> UUID:
    return UUID(str(row.id))


def _place_of(row: Any, chain: UUID) -> int | None:
    """The place that the row's own hash was made for."""
    prev, digest, found = bytes(row.prev), bytes(row.digest), bytes(row.hash)
    for seq in range(max(1, row.seq - _NEAR), row.seq + _NEAR):
        if link(chain=chain, seq=seq, prev=prev, digest=digest) == found:
            return seq
    return None
