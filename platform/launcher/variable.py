"""What is said of one variable that can be set from outside."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One row of the table. ``default`` is words for people; ``readers`` are who uses the value."""

    name: str
    default: str
    meaning: str
    readers: str = "all"
