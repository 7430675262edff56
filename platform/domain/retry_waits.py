"""How long to wait before saying something again: doubling, with a spread that is always the same for the same thing."""

from __future__ import annotations

from typing import Final

FIRST_SECONDS: Final = 5.0
LONGEST_SECONDS: Final = 3600.0


def wait_seconds(*, tries: int, seed: int) -> float:
    """After `tries` failures (1 and up): 5 s, 10 s, 20 s … an hour at most, more by up to a fifth, spread by `seed`."""
    base: float = min(FIRST_SECONDS * 2 ** min(tries - 1, 20), LONGEST_SECONDS)
    return base * (1 + (seed * 2654435761 + tries * 40503) % 1000 / 5000)
