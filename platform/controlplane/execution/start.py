"""A supervisor that is not our agent says that its attempt begins: Airflow's own, or another language's.

Our agents start attempts by claiming them (`executors/local.py`); this is the Task Execution API's door.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.ledger.run_context import run_context
from controlplane.ledger.transitions import start_external


class NotQueued(RuntimeError):
    """The attempt is not waiting to be started: it runs, is over, or another epoch is current."""


def start_task(
    *, task_instance_id: UUID, epoch: int, hostname: str, unixname: str, pid: int, now: datetime
) -> dict[str, Any]:
    """The attempt is running; returns its TIRunContext. Inside the tenant's scope. Raises NotQueued."""
    row = start_external(
        task_instance=task_instance_id, epoch=epoch, hostname=hostname, unixname=unixname, pid=pid, now=now
    )
    if row is None:
        raise NotQueued(f"task instance {task_instance_id} is not queued with epoch {epoch}")
    return run_context(row)
