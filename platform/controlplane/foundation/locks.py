"""Locks by name, held to the end of the transaction: for what two requests must not do at once."""

from __future__ import annotations

from controlplane.foundation.db import execute


def try_lock(name: str) -> bool:
    """Whether the lock is this transaction's now; it is not waited for. Names of two things may meet in one lock, once
    in 2^64: then one of them is told that somebody else is at work."""
    [(is_free,)] = execute("foundation/sql/try_lock.sql", name=name)
    return bool(is_free)
