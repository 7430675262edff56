"""Agents: registering, being current, beating. They belong to the platform; leases are the database's."""

from __future__ import annotations

from uuid import UUID

from controlplane.executors.local import AgentRef
from controlplane.foundation.db import execute, json_parameter, uuid_or_none
from domain.ids import uuid7
from taskwire.agent import Beat, Register
from taskwire.version import WIRE_VERSION

GRACE_SECONDS = 10.0
"""An attempt that its agent does not name, this long after it was claimed, is lost."""


class AgentGone(LookupError):
    """The agent is unknown or was replaced: it must register again."""


class WireVersionUnsupported(ValueError):
    """The agent speaks another major version."""


def register_agent(*, message: Register, lease_seconds: float, using: str) -> tuple[UUID, int]:
    """Insert or replace by name; the epoch rises. Raises WireVersionUnsupported."""
    if message.wire_version.split(".")[0] != WIRE_VERSION.split(".")[0]:
        raise WireVersionUnsupported(
            f"The agent speaks wire version {message.wire_version}, this control plane {WIRE_VERSION}: "
            "install the agent of this release."
        )
    rows = execute(
        "executors/sql/register_agent.sql",
        using=using,
        id=uuid7(),
        name=message.name,
        hostname=message.hostname,
        pid=message.pid,
        slots=message.slots,
        level=message.level,
        detail=json_parameter(message.level_detail),
        queues=json_parameter(message.queues),
        seconds=lease_seconds,
    )
    return rows[0][0], rows[0][1]


def current_agent(*, agent_id: str, epoch: int, using: str, any_epoch: bool = False) -> AgentRef:
    """The agent, if it is the current process of its name. Raises AgentGone."""
    rows = execute("executors/sql/read_agent.sql", using=using, id=uuid_or_none(agent_id))
    if not rows or (rows[0][1] != epoch and not any_epoch):
        raise AgentGone(f"agent {agent_id} epoch {epoch} is not current: register again")
    return AgentRef(id=rows[0][0], epoch=rows[0][1], hostname=rows[0][2], queues=list(rows[0][3]))


def beat_agent(*, message: Beat, lease_seconds: float, using: str) -> list[tuple[str, int, str]]:
    """Renew the lease; say which attempts (id, epoch, why) must stop; drop claims it does not know.

    Raises AgentGone.
    """
    rows = execute(
        "executors/sql/beat_agent.sql",
        using=using,
        id=uuid_or_none(message.agent_id),
        epoch=message.epoch,
        seconds=lease_seconds,
        usage=json_parameter(message.usage),
        refs=[UUID(item[1]) for item in message.running],
        epochs=[item[2] for item in message.running],
        grace=GRACE_SECONDS,
    )
    if not rows:
        raise AgentGone(f"agent {message.agent_id} epoch {message.epoch} is not current: register again")
    return [(str(row[1]), row[2], row[3]) for row in rows if row[0] == "stop"]
