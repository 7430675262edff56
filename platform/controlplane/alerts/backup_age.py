"""Whether the installation's newest backup is too old, from the file that each backup leaves when it ended.

`./aerodrome backup` writes `<data>/run/last-backup.json` (`taken_at`, `target`), after its off-site copy was verified
when there is to be one. No database is asked: a backup is missed most when there is none.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

TOO_OLD = timedelta(hours=26)
"""Daily, and two hours for it to be made."""
FIRST_WITHIN = timedelta(hours=1)
"""Of the start of a process that is told that there are daily backups, and finds none."""


def backup_trouble(*, data: Path, wanted: bool, since: datetime, now: datetime) -> str | None:
    """What is wrong. None when nothing is, and when nobody ever wanted a backup here.

    `wanted`: daily backups are set; otherwise the first one that was made begins the watch. `since`: when this process
    began to look.
    """
    try:
        said = json.loads((data / "run" / "last-backup.json").read_text())
        taken_at = datetime.fromisoformat(said["taken_at"])
        age = now - taken_at
    except FileNotFoundError:
        return "there is none" if wanted and now - since > FIRST_WITHIN else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"what the last one left cannot be read ({type(error).__name__})"
    if age <= TOO_OLD:
        return None
    return f"the newest is {age.total_seconds() / 3600:.0f} h old: {said.get('target')}"
