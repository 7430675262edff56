"""Ties a child process to the life of its parent (Linux: ``prctl(PR_SET_PDEATHSIG)``).

A parent that is killed with SIGKILL can tidy up nothing; the kernel does it instead. The signal comes when
the *thread* that made the child ends, so children are made by the main thread.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
# Loaded here, before any fork: a child between fork and exec must not load libraries.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(death_signal: signal.Signals, *, parent: int) -> Callable[[], None]:
    """What ``subprocess`` must run in the child (``preexec_fn``) so that it gets ``death_signal`` then.

    ``parent`` is the caller's pid: a parent that died before the child could ask is noticed by it. Elsewhere
    than on Linux the child does nothing here, and the next start clears what is left.
    """

    def ask_kernel() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(128 + int(death_signal))

    return ask_kernel
