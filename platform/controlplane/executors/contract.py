"""What an executor is: something that takes dispatched workloads of a tenant and gets them run.

Dispatching writes `workload` rows (`ledger/sql/dispatch_tasks.sql`) in the scheduler's transaction. An
executor is told after the commit (`wake`) and takes them in transactions of its own; everything it learns
comes back as reports (`execution/report.py`). Whatever it forgets is found by `maintenance/rescue.py`.
"""

from __future__ import annotations

from typing import Protocol


class Executor(Protocol):
    """A body is a module-level instance named in the tenant's settings."""

    name: str

    def wake(self, *, using: str) -> None:
        """New workloads are about to be committed: be told at the commit. Called inside the transaction."""
