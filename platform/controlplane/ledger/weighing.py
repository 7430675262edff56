"""Tasks that read the instances above them, and mapped ones: decided, expanded, revised, or ended.

Which tasks are weighed instead of counted stands in `dag_task.readings`. Deciding looks at what is there, so it may
be asked at any time and as often as one likes: after ends, after an expansion, and for instances that somebody has
cleared (`targets`), whose runs are running.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute, json_list
from controlplane.ledger.transitions import Woken, woken_of


@dataclass(frozen=True, slots=True)
class Expansion:
    """A mapped instance becomes `length` (>= 1). `nested`: the length of each mapped group around it, when there are
    several. `again`: its indexes have upstreams of their own and are weighed one by one."""

    id: UUID
    length: int
    nested: list[int] | None = None
    again: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """A mapped instance ends without being expanded, with a note for people."""

    id: UUID
    state: str
    note: str


def weigh_tasks(*, changed: Sequence[UUID], targets: Sequence[UUID] = (), now: datetime, using: str) -> Woken:
    """Decide who reads one of `changed` (ended or expanded), and `targets` themselves; only in running runs."""
    rows = execute(
        "ledger/sql/weigh_tasks.sql", using=using, changed=list(changed), targets=list(targets), now=now
    )
    return woken_of(rows)


def expand_tasks(
    *, expansions: Sequence[Expansion], now: datetime, using: str
) -> list[tuple[UUID, str | None]]:
    """Each becomes as many as it says: (id, state) of all of them. Those without a state are to be weighed."""
    rows = execute(
        "ledger/sql/expand_tasks.sql",
        using=using,
        ids=[e.id for e in expansions],
        lengths=[e.length for e in expansions],
        nested=json_list([e.nested for e in expansions]),
        again=[e.again for e in expansions],
        now=now,
    )
    return [(row[0], row[1]) for row in rows]


def end_unexpanded(*, endings: Sequence[Ending], now: datetime, using: str) -> list[UUID]:
    """Those that end, of instances that wait to be expanded."""
    rows = execute(
        "ledger/sql/end_unexpanded.sql",
        using=using,
        ids=[e.id for e in endings],
        states=[e.state for e in endings],
        notes=[e.note for e in endings],
        now=now,
    )
    return [row[0] for row in rows]


def revise_tasks(
    *, lengths: Sequence[tuple[UUID, int | None]], now: datetime, using: str
) -> list[tuple[UUID, str | None]]:
    """Instances that were expanded before may run again; the input's length (None: unknown) says which indexes there
    are now. Returns (id, state): scheduled, ended when empty or removed, or new and without a state."""
    rows = execute(
        "ledger/sql/revise_tasks.sql",
        using=using,
        ids=[row[0] for row in lengths],
        lengths=[row[1] for row in lengths],
        now=now,
    )
    return [(row[0], row[1]) for row in rows]
