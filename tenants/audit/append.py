"""Puts rows on a chain, under the chain's lock, as the last thing of their transaction.

The lock (a transaction's advisory lock on the chain) makes sequence numbers follow the order of commits. It is
taken when the scope ends (`tenants.scope.before_commit`), so that it is held for the commit alone, no other lock
is waited for while it is held, and no transaction meets another one in a circle. Where there is no scope (the
sign-in role's own transactions) rows are appended at once: record last there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connections

from tenants.audit.entry import FIELDS, PLATFORM, START, digest_of

MARK_SECONDS: Final = 2.0
"""How long a chain that moved waits for its checkpoint and its streams: a burst makes one visit."""
LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(chain)s, 7226))"
_COLUMNS: Final = ", ".join(FIELDS)
_VALUES: Final = ", ".join(f"%({name})s" for name in FIELDS)
_LINK: Final = """
    coalesce(last.seq, 0) + 1, coalesce(last.hash, %(start)s), %(digest)s,
    sha256('\\x00'::bytea || uuid_send(%(chain_id)s::uuid) || int8send(coalesce(last.seq, 0) + 1)
           || coalesce(last.hash, %(start)s) || %(digest)s)
"""
_TENANT: Final = f"""
WITH mark AS (
  INSERT INTO audit_mark (id, tenant_id, moved, due_at) VALUES (%(id)s, %(chain_id)s, 1, %(due_at)s)
  ON CONFLICT (tenant_id) DO UPDATE
  SET moved = audit_mark.moved + 1, due_at = least(audit_mark.due_at, excluded.due_at)
)
INSERT INTO audit_row (tenant_id, {_COLUMNS}, seq, prev, digest, hash)
SELECT %(chain_id)s, {_VALUES}, {_LINK}
FROM (SELECT) AS one LEFT JOIN LATERAL (
  SELECT seq, hash FROM audit_row WHERE tenant_id = %(chain_id)s AND seq > 0 ORDER BY seq DESC LIMIT 1
) AS last ON true
"""  # noqa: S608  the columns are a constant
_PLATFORM: Final = f"""
INSERT INTO platform_audit_row (organisation_id, {_COLUMNS}, seq, prev, digest, hash)
SELECT %(organisation_id)s, {_VALUES}, {_LINK}
FROM (SELECT) AS one LEFT JOIN LATERAL (
  SELECT seq, hash FROM platform_audit_row WHERE seq > 0 ORDER BY seq DESC LIMIT 1
) AS last ON true
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Entry:
    """A row's content, ready to be appended. `chain`: a tenant's id or `PLATFORM`."""

    chain: UUID
    content: dict[str, Any]
    at: datetime
    organisation_id: UUID | None = None

    @property
    def digest(self) -> bytes:
        more = {} if self.chain != PLATFORM else {"organisation_id": self.organisation_id}
        return digest_of({**self.content, **more}, chain=self.chain)


def append(entries: list[Entry], *, using: str) -> None:
    """Inside a transaction of `using` that may see the chain: two statements for one row.

    `seq > 0` names the index to the planner: without statistics it reads a whole tenant's rows by another one.
    """
    if not entries:
        return
    with connections[using].cursor() as cursor:
        for chain in {str(entry.chain) for entry in entries}:
            cursor.execute(LOCK, {"chain": f"audit:{chain}"})
        for entry in entries:
            cursor.execute(
                _PLATFORM if entry.chain == PLATFORM else _TENANT,
                {
                    **entry.content,
                    "chain_id": entry.chain,
                    "organisation_id": entry.organisation_id,
                    "start": START,
                    "digest": entry.digest,
                    "due_at": entry.at + timedelta(seconds=MARK_SECONDS),
                },
            )
