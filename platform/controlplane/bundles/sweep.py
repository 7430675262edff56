"""Deletes artefacts that no tenant has a bundle of any more. A periodic job; again does nothing.

An artefact is stored before the row that needs it is committed, so young files stay; storing one that is there makes
it young again, under the lock that deleting takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

from django.conf import settings

from controlplane.bundles.artefact import held
from controlplane.foundation.db import execute

UNCLAIMED = timedelta(hours=1)
"""How long an artefact may wait for its row: no transaction lives that long."""
AT_ONCE = 500


def sweep_artefacts(*, now: datetime, using: str = "scheduler") -> str:
    """All of them, some at a time. A line for operators."""
    before = (now - UNCLAIMED).timestamp()
    gone = 0
    old = _old(before)
    while some := list(islice(old, AT_ONCE)):
        digests = [path.stem for path in some]
        rows = execute("bundles/sql/list_used_artefacts.sql", using=using, digests=digests)
        used = {row[0] for row in rows}
        gone += sum(_delete(path, before) for path in some if path.stem not in used)
    return f"{gone} artefacts deleted"


def _old(before: float) -> Iterator[Path]:
    """Artefacts, and what dying writers left."""
    root = Path(settings.STORE_DIR) / "bundles"
    for path in [*root.glob("??/*.tar"), *root.glob(".new-*")]:
        if _at(path) < before:
            yield path


def _delete(path: Path, before: float) -> bool:
    with held(path.parent):
        if _at(path) >= before:
            return False
        path.unlink()
        return True


def _at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return float("inf")
