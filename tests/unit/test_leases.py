"""A lease has one holder at every instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.leases import is_expired, lease_until, renew_at

NOW = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_lease_ends_at_its_end() -> None:
    until = lease_until(now=NOW, lease_seconds=15)
    assert not is_expired(lease_until=until, now=until - timedelta(microseconds=1))
    assert is_expired(lease_until=until, now=until)
    assert not is_expired(lease_until=until, now=until, grace_seconds=1)
    assert is_expired(lease_until=until, now=until + timedelta(seconds=1), grace_seconds=1)


def test_what_was_never_leased_is_free() -> None:
    assert is_expired(lease_until=None, now=NOW)


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_lease_of_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        lease_until(now=NOW, lease_seconds=seconds)


@settings(max_examples=50, deadline=None)
@given(seconds=st.floats(0.001, 10**6))
def test_two_renewals_may_fail(seconds: float) -> None:
    until, renew = lease_until(now=NOW, lease_seconds=seconds), renew_at(now=NOW, lease_seconds=seconds)
    assert NOW < renew < until
    assert NOW + 3 * (renew - NOW) <= until + timedelta(microseconds=3)
