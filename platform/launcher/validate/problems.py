"""What is wrong or worth knowing, from whichever check: one shape for all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "info"]
ORDER: dict[str, int] = {"error": 0, "warning": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is stable; `path` is a bundle path, empty for the bundle as a whole; `line` 0 when unknown."""

    level: Level
    code: str
    path: str
    line: int
    message: str
    hint: str = ""


def sort_key(problem: Problem) -> tuple[int, str, int, str]:
    return ORDER[problem.level], problem.path, problem.line, problem.code
