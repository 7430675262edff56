"""What one stack stands on, known before any of its own processes start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.backing import Backing
from launcher.settings import Settings


@dataclass(frozen=True)
class Ground:
    """Everything that a row of the process table may need to know."""

    settings: Settings
    checkout: Path
    caller: Mapping[str, str]
    backing: Backing
    port: int
    base_url: str
    gateway_socket: Path
    python: Path

    def program(self, name: str) -> str:
        """A program of the environment that the launcher itself runs in."""
        return str(self.python.parent / name)
