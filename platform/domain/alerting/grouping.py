"""What belongs together: failures with the same rule, owner and root cause are one alert.

A cause is what the ledger knows of why: how a process died, why a run failed, which queue has no agent. Numbers,
ids and addresses are taken out, so that the same trouble on another day or host is the same cause. Where nothing
is known but that the author's code raised, only failures of the same DAG belong together.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

RAISED = "the task's code raised"
NO_OWNER = "nobody"

_IDS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-f]+|\b[0-9a-f]{12,}\b", re.I
)
_NUMBERS = re.compile(r"\d+(?:[.:]\d+)*")
_SPACE = re.compile(r"\s+")


def normal_cause(text: str) -> str:
    """The cause without what differs from time to time; at most 300 characters. Normal ones stay as they are."""
    flat = _SPACE.sub(" ", _NUMBERS.sub("#", _IDS.sub("#", text))).strip()
    return re.sub(r"#(?:[\s,]*#)+", "#", flat)[:300].rstrip()


def owner_of(owners: Sequence[str]) -> str:
    """The owner that alerts go to: the first by name, so that the order of tasks does not matter."""
    return min((owner for owner in owners if owner), default=NO_OWNER)


def group_key(*, rule: str, owner: str, cause: str, dag_id: str | None) -> str:
    """The same for everything that is told together. The DAG counts only where the cause says nothing."""
    parts = [rule, owner, cause, dag_id or "" if cause in (RAISED, "") else ""]
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
