"""Process names, so that `ps` tells whose a process is: `aerodrome-task <tenant> <ti> e<epoch>`."""

from __future__ import annotations

from contextlib import suppress


def set_title(title: str) -> None:
    """Name this process. Silently does nothing where setproctitle is missing."""
    with suppress(ImportError):
        from setproctitle import setproctitle

        setproctitle(title)
