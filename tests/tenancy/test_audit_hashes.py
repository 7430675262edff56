"""The fast way to a row's hashes gives what the plain one gives, over whatever a row can hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants.audit.entry import FIELDS, PLATFORM, START, ChainHashes, digest_of, link
from tenants.audit.verify import content_of

TENANT = UUID(int=9)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["%s %(x)s %", '"\\/\b\f\n\r\t\x00\x1f\x7f', "é\u2028\u202e\ufeff😀", '{"a":1}']
)
INSTANTS = st.datetimes(
    min_value=datetime(1970, 1, 2), timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))])
)
VALUES = dict.fromkeys(FIELDS, TEXTS) | {
    "id": st.uuids(),
    "at": INSTANTS,
    "status": st.none() | st.integers(0, 999),
    **{name: st.none() | TEXTS for name in ("before", "after", "detail")},
    "organisation_id": st.none() | st.uuids(),
}


@pytest.mark.parametrize("chain", [TENANT, PLATFORM], ids=["tenant", "platform"])
@settings(suppress_health_check=[HealthCheck.too_slow])  # its first letters take seconds on a busy machine
@given(row=st.builds(SimpleNamespace, **VALUES), seq=st.integers(1, 2**63 - 1))
def test_both_ways_agree(chain: UUID, row: Any, seq: int) -> None:
    hashes = ChainHashes(chain=chain)
    digest = digest_of(content_of(row, chain=chain), chain=chain)
    assert hashes.digest(row) == digest
    assert hashes.link(seq=seq, prev=START, digest=digest) == link(
        chain=chain, seq=seq, prev=START, digest=digest
    )


@pytest.mark.parametrize("name", [*FIELDS, "organisation_id"])
def test_no_field_is_left_out(name: str) -> None:
    """Each field that differs makes another digest."""
    fields: dict[str, Any] = dict.fromkeys((*FIELDS, "organisation_id"), "x") | {
        "at": datetime(2026, 1, 1, tzinfo=UTC)
    }
    other = fields | {name: datetime(2026, 1, 2, tzinfo=UTC) if name == "at" else "y"}
    hashes = ChainHashes(chain=PLATFORM)
    assert hashes.digest(SimpleNamespace(**fields)) != hashes.digest(SimpleNamespace(**other))
