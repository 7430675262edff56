"""Named points at which a process can be made to die, so that tests can kill it exactly there.

`AERODROME_CRASH=point:nth` makes the nth passage of `point` send SIGKILL to the process itself. Without the
variable a crash point is one dictionary look-up. Every point is registered here: an unknown name fails at
once, and `tests/architecture/test_crashpoints.py` checks that each is used.
"""

from __future__ import annotations

import os
import signal

POINTS: dict[str, str] = {
    "bundles.publish.before_commit": "a version is stored as an artefact, its row is not committed",
    "bundles.publish.after_commit": "the version is committed, the pusher has not heard",
    "dagprocessor.store.before_commit": "parse results are written, not committed",
    "dagprocessor.store.after_commit": "parse results are committed, the agent has not heard",
    "runs.create.before_commit": "a run and its tasks are inserted, not committed",
    "runs.create.after_commit": "a run is committed, who asked has not heard",
    "scheduler.work.after_lease": "a tenant's lease is held, nothing is done",
    "scheduler.work.before_commit": "tasks are promoted, admitted and dispatched, not committed",
    "scheduler.work.after_commit": "work is committed, no agent was told",
    "executors.claim.before_commit": "workloads are marked running, not committed",
    "executors.claim.after_commit": "workloads are running in the ledger, the agent has not heard",
    "execution.report.before_commit": "outcomes are written, not committed",
    "execution.report.after_commit": "outcomes are committed, the agent has not heard",
    "secrets.rotate.before_commit": "a batch is sealed anew, not committed",
    "maintenance.rescue.before_commit": "lost attempts are moved, not committed",
    "maintenance.rescue.after_commit": "lost attempts are moved and committed",
}

LAST_WORDS = "AERODROME_CRASH: this process dies here:"

_target, _, _nth = os.environ.get("AERODROME_CRASH", "").partition(":")
_left = int(_nth or 1)


class CrashPointUnknown(KeyError):
    """The name is not in the registry."""


if _target and _target not in POINTS:
    raise CrashPointUnknown(f"AERODROME_CRASH names {_target!r}; the points are: {', '.join(sorted(POINTS))}")


def crashpoint(name: str) -> None:
    """Die here if the environment says so; otherwise do nothing."""
    if not _target:
        return
    if name not in POINTS:
        raise CrashPointUnknown(name)
    global _left
    if name == _target:
        _left -= 1
        if _left == 0:
            os.write(2, f"{LAST_WORDS} {name}\n".encode())  # tests read it in the log: a pid can be missed
            os.kill(os.getpid(), signal.SIGKILL)
