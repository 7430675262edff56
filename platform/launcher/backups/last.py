"""When this installation was backed up last: written beside its data by each backup that ended, read by `doctor`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_NAME = "last-backup.json"


@dataclass(frozen=True)
class LastBackup:
    """`taken_at`: the instant that it stands for."""

    taken_at: datetime
    target: str


def remember_backup(*, data: Path, taken_at: str, target: Path) -> None:
    """Through a rename."""
    (data / "run").mkdir(mode=0o700, exist_ok=True)
    temporary = data / "run" / f".{_NAME}.new"
    temporary.write_text(json.dumps({"taken_at": taken_at, "target": str(target)}))
    temporary.rename(data / "run" / _NAME)


def last_backup(*, data: Path) -> LastBackup | None:
    """None: there was none yet."""
    try:
        said = json.loads((data / "run" / _NAME).read_text())
        return LastBackup(datetime.fromisoformat(said["taken_at"]), str(said["target"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
