"""Remembers where a file leans on the shim, with the author's file and line. Silent outside a parse."""

from __future__ import annotations

import sys

from taskwire.parsing import Finding

SHIMMED_WARNINGS = ("The SLA feature is removed",)
"""Beginnings of Airflow warnings that are not true here, because the shim makes the feature work."""

_BETWEEN = ("importlib", "aerodrome_runtime.shim")

_bundle_prefix: str | None = None
_found: list[Finding] = []


def begin(*, bundle_root: str) -> None:
    """Start to remember uses made by files under `bundle_root`."""
    global _bundle_prefix
    _bundle_prefix = bundle_root + "/"
    _found.clear()


def end() -> list[Finding]:
    """Stop, and give what was found."""
    global _bundle_prefix
    _bundle_prefix = None
    return list(_found)


def record(*, code: str, message: str, hint: str, is_direct: bool = False) -> None:
    """Remember one use of the shim at the innermost line of the bundle now running.

    `is_direct`: only if that line itself asked, not a library that it imports or calls.
    """
    if _bundle_prefix is None:
        return
    path, line = author_line(is_direct=is_direct)
    if path is None:
        return
    finding = Finding(code=f"AERO-SHIM-{code}", message=message, path=path, line=line, hint=hint)
    if finding not in _found:
        _found.append(finding)


def author_line(*, is_direct: bool = False) -> tuple[str | None, int]:
    """Bundle path and line of the innermost frame of the bundle; `(None, 0)` outside a parse."""
    prefix = _bundle_prefix
    frame = sys._getframe(1) if prefix is not None else None
    while frame is not None:
        if prefix is not None and frame.f_code.co_filename.startswith(prefix):
            return frame.f_code.co_filename[len(prefix) :], frame.f_lineno
        if is_direct and not str(frame.f_globals.get("__name__", "")).startswith(_BETWEEN):
            return None, 0
        frame = frame.f_back  # type: ignore[assignment]
    return None, 0
