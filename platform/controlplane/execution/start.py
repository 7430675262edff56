"""A supervisor that is not our agent says that its attempt begins: Airflow's own, or another language's.

Our agents start attempts by claiming them (`executors/local.py`); this is the Task Execution API's door.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.ledger.external import read_started, start_external
from controlplane.ledger.queries import state_of
from controlplane.ledger.run_context import run_context


class StartRefused(RuntimeError):
    """The attempt is not waiting to be started. `state` is what it is in now, None when it is gone."""

    def __init__(self, task_instance_id: UUID, state: str | None) -> None:
        super().__init__(
            f"task instance {task_instance_id} is {state or 'not there'}, not queued with this epoch"
        )
        self.state = state


def start_task(
    *, task_instance_id: UUID, epoch: int, hostname: str, unixname: str, pid: int, now: datetime
) -> dict[str, Any]:
    """The attempt is running; returns its TIRunContext, the same when the same process asks again.

    Inside the tenant's scope. Raises StartRefused.
    """
    who = {"hostname": hostname, "unixname": unixname, "pid": pid}
    row = start_external(task_instance=task_instance_id, epoch=epoch, now=now, **who) or read_started(
        task_instance=task_instance_id, epoch=epoch, **who
    )
    if row is None:
        raise StartRefused(task_instance_id, state_of(task_instance=task_instance_id))
    return run_context(row)
