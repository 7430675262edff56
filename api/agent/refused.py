"""What the agents' door leaves in the audit: agents that appear, and callers without the agents' token.

Claims, beats, reports and logs leave nothing: the ledger keeps each try, and they are the hot path.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import structlog

from taskwire.agent import Register
from tenants.audit.context import AuditContext, audit_context
from tenants.audit.record import Answered, record_platform_change, record_request

log = structlog.get_logger("audit")

WINDOW_SECONDS = 60.0
MOST = 20
"""Rows per window of this process: whoever knocks on and on fills no table."""


class Refusals:
    """Counts per window; not shared between processes, of which there are few."""

    def __init__(self) -> None:
        self._until, self._count = 0.0, 0

    def has_room(self) -> bool:
        """Whether one more is recorded."""
        now = time.monotonic()
        if now >= self._until:
            self._until, self._count = now + WINDOW_SECONDS, 0
        self._count += 1
        return self._count <= MOST


def record_refused(scope: dict[str, Any]) -> None:
    """Somebody knocked without the agents' token. Never raises: the answer is 401 whatever becomes of the row."""
    client = scope.get("client") or ("", 0)
    context = AuditContext(
        address=str(client[0]),
        request_id=uuid4().hex,
        method=str(scope.get("method", ""))[:10],
        route=str(scope.get("path", ""))[:300],
    )
    try:
        record_request(context, answered=Answered(401))
    except Exception:
        log.exception("audit.lost", route=context.route, method=context.method, status=401)


def record_registered(*, agent_id: UUID, message: Register) -> None:
    """An agent process appeared: it may claim the work of every tenant whose queues it serves."""
    context = AuditContext(actor_kind="agent", actor=f"agent:{message.name}", actor_id=str(agent_id), method="POST",
                           route="/agent/v1/register", request_id=uuid4().hex)  # fmt: skip
    with audit_context(context):
        record_platform_change(
            action="agent.registered",
            target=f"agent:{agent_id}",
            after={"name": message.name, "hostname": message.hostname, "slots": message.slots},
        )
