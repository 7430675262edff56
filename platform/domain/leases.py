"""Leases: work that is held for a while, and who may take it over. All instants are the database's clock."""

from __future__ import annotations

from datetime import datetime, timedelta


def is_expired(*, lease_until: datetime | None, now: datetime, grace_seconds: float = 0.0) -> bool:
    """Whether someone else may take the work: never leased, or the lease ended `grace_seconds` ago or more.

    At the exact end the lease is over: holder and taker never both believe that they hold it.
    """
    return lease_until is None or now >= lease_until + timedelta(seconds=grace_seconds)


def lease_until(*, now: datetime, lease_seconds: float) -> datetime:
    """When a lease granted now ends. Raises `ValueError` unless `lease_seconds` is positive."""
    if lease_seconds <= 0:
        raise ValueError(f"a lease of {lease_seconds} seconds holds nothing; pass a positive number")
    return now + timedelta(seconds=lease_seconds)


def renew_at(*, now: datetime, lease_seconds: float) -> datetime:
    """When the holder of a lease granted now asks again: after a third, so two renewals may fail."""
    return now + (lease_until(now=now, lease_seconds=lease_seconds) - now) / 3
