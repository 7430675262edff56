"""The answer of one check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """``fail``: the stack cannot run. ``warn``: it runs, with less. ``mend`` is empty when all is well."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""
