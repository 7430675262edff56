"""What an agent's triggerer says every few seconds: which triggers it holds. It hears which must stop.

The agent's lease is renewed by its own beat (`executors.agents`); this is only the comparison of two lists.
Called by the gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from controlplane.executors.agents import GRACE_SECONDS
from controlplane.foundation.db import execute, uuid_or_none

GONE = "gone: the task waits for it no more"
MOVED = "moved: another agent has it"


def beat_triggers(
    *, agent_id: str, agent_epoch: int, held: Sequence[tuple[str, str, int]], using: str
) -> list[tuple[str, int, str]]:
    """(id, epoch, why) of those of `held`, (tenant, id, epoch), that must stop. Thin ledger, no tenant's scope.

    What the ledger says the agent holds and it does not name, a while after its claim, is given to another.
    """
    rows = execute(
        "triggerer/sql/beat_triggers.sql",
        using=using,
        agent=uuid_or_none(agent_id),
        agent_epoch=agent_epoch,
        tenants=[UUID(one[0]) for one in held],
        refs=[UUID(one[1]) for one in held],
        epochs=[one[2] for one in held],
        grace=GRACE_SECONDS,
    )
    return [(str(ref), epoch, GONE if gone else MOVED) for ref, epoch, gone in rows]


def waiting_tries(*, held: Sequence[tuple[UUID, int]], using: str = "default") -> list[tuple[UUID, int, int]]:
    """(id, epoch, try_number) of those whose task still waits for them. Inside the tenant's scope."""
    rows = execute(
        "triggerer/sql/waiting_tries.sql",
        using=using,
        ids=[one[0] for one in held],
        epochs=[one[1] for one in held],
    )
    return [(row[0], row[1], row[2]) for row in rows]
