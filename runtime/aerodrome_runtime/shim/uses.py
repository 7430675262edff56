"""Remembers where a file leans on the shim, with the author's file and line. Silent outside a parse."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from taskwire.parsing import Finding

SHIMMED_WARNINGS = ("The SLA feature is removed",)
"""Beginnings of Airflow warnings that are not true here, because the shim makes the feature work."""

_bundle_prefix: str | None = None
_found: list[Finding] = []


def begin(*, bundle_root: str) -> None:
    """Start to remember uses made by files under `bundle_root`."""
    global _bundle_prefix
    _bundle_prefix = bundle_root + "/"
    _found.clear()


def end(*, dags: Iterable[Any], filename: str) -> list[Finding]:
    """Stop, and give what was found; reads the DAGs for uses that only a run would meet."""
    global _bundle_prefix
    _bundle_prefix = None
    return list(_found)


def record(*, code: str, message: str, hint: str, line: int | None = None, path: str | None = None) -> None:
    """Remember one use of the shim at the innermost line of the bundle now running (or at `path`:`line`)."""
    if _bundle_prefix is None:
        return
    if path is None or line is None:
        path, line = _author_line(_bundle_prefix)
    if path is None:
        return
    finding = Finding(code=f"AERO-SHIM-{code}", message=message, path=path, line=line or 0, hint=hint)
    if finding not in _found:
        _found.append(finding)


def _author_line(prefix: str) -> tuple[str | None, int]:
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.startswith(prefix):
            return frame.f_code.co_filename[len(prefix) :], frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None, 0
