"""Texts from a tenant's runtime, made fit for the ledger: no NUL characters, and no more than is of use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from taskwire.dagspec import Struct
from taskwire.parsing import Finding, ImportFailure

MOST_LINE = 2000
MOST_TRACE = 64 * 1024
MOST_FINDINGS = 500


def storable(value: Any) -> Any:
    """`value` with every NUL character replaced, in all its texts and keys."""
    if isinstance(value, str):
        return value.replace("\0", "�")
    if isinstance(value, dict):
        return {storable(key): storable(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [storable(held) for held in value]
    return value


def plain(structs: Iterable[Struct]) -> list[dict[str, Any]]:
    """Words as dicts for a JSON column."""
    return [msgspec.to_builtins(each) for each in structs]


def short_failure(failure: ImportFailure) -> ImportFailure:
    """The failure with storable texts, cut: the end of a traceback says more than its beginning."""
    trace = failure.stacktrace
    if len(trace) > MOST_TRACE:
        trace = f"… {len(trace) - MOST_TRACE} characters left out …\n{trace[-MOST_TRACE:]}"
    return ImportFailure(
        path=_text(failure.path, 1000),
        message=_text(failure.message, MOST_LINE),
        stacktrace=_text(trace, 2 * MOST_TRACE),
        line=_line(failure.line),
        kind=_text(failure.kind, 20),
    )


def short_findings(findings: list[Finding]) -> list[Finding]:
    """The first findings of a file, with storable texts, cut."""
    return [
        Finding(
            code=_text(each.code, 100),
            message=_text(each.message, MOST_LINE),
            path=_text(each.path, 1000),
            line=_line(each.line),
            hint=_text(each.hint, MOST_LINE),
            severity=_text(each.severity, 20),
        )
        for each in findings[:MOST_FINDINGS]
    ]


def _text(text: str, most: int) -> str:
    return text.replace("\0", "�")[:most]


def _line(number: int) -> int:
    return number if 0 <= number < 2**31 else 0
