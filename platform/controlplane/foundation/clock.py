"""The one place that reads the clock of this machine. Leases never use it: they use the database's."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(tz=UTC)
