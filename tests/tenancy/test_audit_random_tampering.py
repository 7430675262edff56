"""A chain in memory, changed in a random way: whatever it was, it is found, at the first row that shows it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from tenants.audit.checkpoint import Checkpoint
from tenants.audit.entry import FIELDS, START, digest_of, link
from tenants.audit.verify import Verdict, content_of, verify_chain

CHAIN = UUID(int=9)
LENGTH = 60
TEXTS = ("action", "target", "outcome", "actor", "address", "route", "before", "after", "detail")


def chain_of(length: int) -> list[Any]:
    rows, prev = [], START
    for seq in range(1, length + 1):
        fields: dict[str, Any] = dict.fromkeys(FIELDS, "") | {
            "id": UUID(int=seq),
            "at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seq),
            "status": None,
            "after": f'{{"n":{seq}}}',
        }
        row = SimpleNamespace(**fields, seq=seq, prev=prev)
        row.digest = digest_of(content_of(row, chain=CHAIN), chain=CHAIN)
        prev = row.hash = link(chain=CHAIN, seq=seq, prev=prev, digest=row.digest)
        rows.append(row)
    return rows


def judge(rows: list[Any], points: list[Checkpoint]) -> Verdict:
    ordered = sorted(rows, key=lambda row: row.seq)
    places = {bytes(row.prev): row.seq for row in reversed(ordered)}
    return verify_chain(chain=CHAIN, rows=ordered, checkpoints=points, find_follower=places.get)


def signed(rows: list[Any]) -> list[Checkpoint]:
    last = rows[-1]
    return [Checkpoint(CHAIN, 1, last.seq, last.hash, datetime(2026, 1, 2, tzinfo=UTC), "")]


def test_the_chain_holds() -> None:
    rows = chain_of(LENGTH)
    assert judge(rows, signed(rows)).holds


@pytest.mark.parametrize("way", ["edit", "delete", "delete and renumber", "insert", "swap", "cut"])
def test_every_random_change_is_found_where_it_is(way: str) -> None:
    for seed in range(150):
        chance = random.Random(f"{way}{seed}")
        rows = chain_of(LENGTH)
        points = signed(rows)
        first = _change(way, rows, chance)
        finding = judge(rows, points).finding
        assert finding is not None and finding.seq == first, (way, seed, finding)


def _change(way: str, rows: list[Any], chance: random.Random) -> int:
    """Returns the first place that shows it."""
    place = chance.randrange(LENGTH)
    seq = place + 1
    if way == "edit":
        name = chance.choice(TEXTS)
        setattr(rows[place], name, f"{getattr(rows[place], name)} ")
    elif way.startswith("delete"):
        del rows[place]
        if way.endswith("renumber"):
            for row in rows[place:]:
                row.seq -= 1
    elif way == "insert":
        new = SimpleNamespace(**vars(rows[place]) | {"id": UUID(int=10_000)})
        new.digest = digest_of(content_of(new, chain=CHAIN), chain=CHAIN)
        new.hash = link(chain=CHAIN, seq=seq, prev=new.prev, digest=new.digest)
        for row in rows[place:]:
            row.seq += 1
        rows.insert(place, new)
        # The forged row follows well; the one that stood there does not, and the last one was signed.
        return seq + 1 if place < LENGTH - 1 else 1
    elif way == "swap":
        other = chance.choice([n for n in range(LENGTH) if n != place])
        rows[place].seq, rows[other].seq = rows[other].seq, rows[place].seq
        return min(place, other) + 1
    else:
        del rows[place:]
    return seq
