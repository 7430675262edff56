"""Deliveries that are refused are counted, and a place that sends many is refused before anything is read or asked.

What counts is who refuses to sign, not how much comes: a host's own deliveries are never counted here. Three counters
a minute: of one address at one remote, of one address, and at one remote from everywhere. The second is wide, for
hosts deliver for all their customers from few addresses, and anybody may have them send a forgery; the third bounds
what a remote can cost whoever sends, and silences its webhook for the rest of a minute: the poll goes on. Where the
counter is out of reach nobody is refused by it, and every signature is checked as ever.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.foundation.rate_counter import WINDOW_SECONDS, count_in_minute, read_minute

PAIR, ADDRESS, REMOTE = 20, 600, 300
"""The most forgeries a minute: of an address at a remote, of an address, at a remote."""


def seconds_to_wait(*, remote_id: UUID, address: str, now: datetime) -> int:
    """How long this address is refused at this remote; 0: it is listened to."""
    instant = now.timestamp()
    counts = read_minute(keys=_keys(remote_id, address), now=instant)
    if all(count < most for count, most in zip(counts, (PAIR, ADDRESS, REMOTE), strict=True)):
        return 0
    return WINDOW_SECONDS - int(instant) % WINDOW_SECONDS


def count_forgery(*, remote_id: UUID, address: str, now: datetime) -> None:
    """One more."""
    for key in _keys(remote_id, address):
        count_in_minute(key=key, now=now.timestamp())


def _keys(remote_id: UUID, address: str) -> list[str]:
    return [f"forged:{remote_id}:{address}", f"forged:{address}", f"forged:{remote_id}"]
