"""How long a statement of a request may take: the scopes that a request opens tell Postgres with their tenant.

A page that reads and sorts every task instance of millions of runs would else hold a web thread, a connection and
the database's processors for minutes, and anybody who may read may ask for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_current: ContextVar[float | None] = ContextVar("aerodrome_statement_seconds", default=None)
_CANCELED = "57014"


def limit_settings() -> list[tuple[str, str]]:
    """The setting, for the transaction of a scope; empty where nothing is limited."""
    seconds = _current.get()
    return [] if seconds is None else [("statement_timeout", f"{round(seconds * 1000)}ms")]


@contextlib.contextmanager
def time_limited(seconds: float) -> Iterator[None]:
    """Each statement in the scopes that are opened here ends after this time, its transaction with it."""
    token = _current.set(seconds)
    try:
        yield
    finally:
        _current.reset(token)


def limit_reached(error: BaseException) -> float | None:
    """The seconds, when this is Postgres' word that a statement of ours took longer."""
    return _current.get() if getattr(error.__cause__, "pgcode", None) == _CANCELED else None
