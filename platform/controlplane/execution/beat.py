"""A supervisor that is not our agent says that its task is alive.

Called by `api/execution`. (Our agents beat for all their attempts at once, at the gateway.)
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute


def beat(*, task_instance_id: UUID, epoch: int, hostname: str, pid: int, now: datetime) -> bool:
    """Note the heartbeat. False when the attempt is not running there any more: look at the row to say why."""
    rows = execute(
        "execution/sql/beat.sql", id=task_instance_id, epoch=epoch, hostname=hostname, pid=pid, now=now
    )
    return bool(rows)
