"""Tests of connections: asked for by people, done by an agent in the tenant's runtime, told once.

The control plane connects nowhere by itself. It keeps the connection sealed until an agent takes it, and no longer than
the test lasts. The agent's child has a network in which it reaches public addresses only
(`aerodrome_runtime.agent.guard`). Every function runs inside the tenant's scope. Callers: `api/v2` (people),
`api/agent` (orders and what became of them).
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.foundation.db import ORDERS, execute, notify
from controlplane.ledger.models.agent import Agent
from controlplane.ledger.models.connection import Connection
from controlplane.ledger.models.connection_test import ACTIVE, ConnectionTest
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.runtime import Runtime
from controlplane.secrets import connections, store
from controlplane.secrets.contract import KeyUnavailable, Place, SealBroken
from controlplane.secrets.embedded import KeyGone
from domain.ids import uuid7
from taskwire.workload import ConnectionTestWork, Workload
from tenants.audit.record import record_change
from tenants.scope import current_tenant

KIND = "conn_test"
TEST_SECONDS = 20.0
LIVES = timedelta(seconds=120)
"""What is not over by then is told as failed: its agent is away, or there is none."""
KEPT = timedelta(hours=1)
MOST_ACTIVE = 10
MOST_MESSAGE = 4000
GUARDING_LEVEL = "L3"
_FIELDS = ("conn_id", "conn_type", "host", "schema", "login", "password", "port", "extra")


class NobodyTests(RuntimeError):
    """No agent that can guard a test is there, or the tenant has no runtime yet. The message is for people."""


class TooManyTests(RuntimeError):
    """The tenant has as many under way as it may."""


class TestUnderWay(RuntimeError):
    """A test of this connection was asked for already, and is not over."""


@dataclass(frozen=True)
class Asked:
    """`token` is known to nobody but the asker: the ledger has its digest."""

    id: UUID
    token: str | None


def ask(
    *,
    connection: dict[str, Any],
    by: str,
    now: datetime,
    is_polled: bool = False,
    commit_on_success: bool = False,
) -> Asked:
    """Give it out to an agent. Who polls has time; who waits is told at once that nobody can test it.

    Raises NobodyTests, TooManyTests, TestUnderWay, KeyUnavailable.
    """
    _forget(now)
    if not is_polled and _runtime() is None:
        raise NobodyTests("no runtime of this tenant is ready: push a bundle first")
    if not is_polled and not Agent.objects.filter(lease_until__gt=now, level=GUARDING_LEVEL).exists():
        raise NobodyTests(
            f"no agent that can guard a test's network (level {GUARDING_LEVEL}) is running at the moment"
        )
    active = ConnectionTest.objects.filter(state__in=ACTIVE)
    conn_id = connection["conn_id"]
    if is_polled and active.filter(conn_id=conn_id, digest__isnull=False).exists():
        raise TestUnderWay(f"An active connection test already exists for connection_id `{conn_id}`.")
    if active.count() >= MOST_ACTIVE:
        raise TooManyTests(f"at most {MOST_ACTIVE} tests of connections may be under way at once")
    token = secrets.token_urlsafe(32) if is_polled else None
    row_id = uuid7()
    plain = json.dumps({name: connection.get(name) for name in _FIELDS}).encode()
    ConnectionTest.objects.create(
        id=row_id,
        tenant_id=current_tenant(),
        conn_id=conn_id,
        digest=None if token is None else _digest(token),
        sealed=store.current().seal(plain=plain, place=_place(row_id)),
        state="pending",
        commit_on_success=commit_on_success,
        created_by=by[:150],
        created_at=now,
    )
    execute("secrets/sql/dispatch_connection_test.sql", ref=row_id, now=now)
    about = {name: connection.get(name) for name in ("conn_type", "host", "port")}
    record_change(action="connection.test_asked", target=f"connection:{conn_id}", detail=about)
    notify(ORDERS)
    return Asked(row_id, token)


def of_token(token: str, *, now: datetime) -> ConnectionTest | None:
    """The test that this token was given for, as things are now."""
    row = ConnectionTest.objects.filter(digest=_digest(token)).first()
    if row is not None and _is_stale(row, now):
        give_up(ref=row.id, reason=_nobody(row), now=now)
        row.refresh_from_db()
    return row


def look(ref: UUID) -> ConnectionTest | None:
    """The test, as it is."""
    return ConnectionTest.objects.filter(id=ref).first()


def order(*, ref: UUID, epoch: int, tenant_id: UUID, slug: str, now: datetime, using: str) -> Workload | None:
    """What the agent is given that claimed it; None when nobody waits for it any more."""
    row = ConnectionTest.objects.using(using).select_for_update().filter(id=ref, state__in=ACTIVE).first()
    runtime = _runtime(using)
    if row is None:
        return None
    if runtime is None or _is_stale(row, now):
        reason = _nobody(row) if runtime else "no runtime of this tenant is ready: push a bundle first"
        give_up(ref=ref, reason=reason, now=now, using=using)
        return None
    try:
        connection = _open(row, using)
    except (KeyUnavailable, SealBroken) as error:
        give_up(ref=ref, reason=f"what is to be tested cannot be read: {error}", now=now, using=using)
        return None
    ConnectionTest.objects.using(using).filter(id=ref).update(state="running")
    return Workload(
        id=str(ref),
        tenant_id=str(tenant_id),
        tenant=slug,
        epoch=epoch,
        kind=KIND,
        runtime_digest=runtime.digest,
        connection_test=ConnectionTestWork(connection=connection, seconds=TEST_SECONDS),
    )


def tested(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    """What the hook said. A test that is over already stays as it is."""
    row = ConnectionTest.objects.using(using).select_for_update().filter(id=id, state="running").first()
    if row is None:
        _drop(id, using)
        return
    passed = body.get("status") is True
    message = str(body.get("message", ""))
    if passed and row.commit_on_success:
        # The test is over either way; what cannot be kept is told.
        try:
            held = _open(row, using)
            before = Connection.objects.using(using).filter(conn_id=row.conn_id).first()
            connections.put(now=now, description=before and before.description, **held)
        except (KeyUnavailable, SealBroken) as error:
            message = f"{message} It could not be kept: {error}"
    _end(row, "success" if passed else "failed", message, now, using)


def give_up(*, ref: UUID, reason: str, now: datetime, using: str = "default") -> None:
    """Nobody will tell how it went: told as failed, with the reason."""
    row = ConnectionTest.objects.using(using).select_for_update().filter(id=ref, state__in=ACTIVE).first()
    if row is not None:
        _end(row, "failed", f"The test was given up: {reason}.", now, using)


def _end(row: ConnectionTest, state: str, message: str, now: datetime, using: str) -> None:
    row.state, row.sealed, row.ended_at = state, None, now
    row.message = message.replace("\0", "")[:MOST_MESSAGE]
    row.save(using=using, update_fields=["state", "sealed", "ended_at", "message"])
    _drop(row.id, using)
    record_change(
        action="connection.tested",
        target=f"connection:{row.conn_id}",
        detail={"outcome": state, "asked_by": row.created_by},
        using=using,
    )


def _drop(ref: UUID, using: str) -> None:
    execute("secrets/sql/drop_connection_test.sql", using=using, ref=ref)


def _forget(now: datetime) -> None:
    """What is stale is over, what is old is gone: with the next question, for nobody else needs to know."""
    for row in ConnectionTest.objects.filter(state__in=ACTIVE, created_at__lt=now - LIVES)[:100]:
        give_up(ref=row.id, reason=_nobody(row), now=now)
    old = ConnectionTest.objects.filter(created_at__lt=now - KEPT).values_list("id", flat=True)[:100]
    ConnectionTest.objects.filter(id__in=list(old)).delete()


def _is_stale(row: ConnectionTest, now: datetime) -> bool:
    return row.state in ACTIVE and row.created_at < now - LIVES


def _nobody(row: ConnectionTest) -> str:
    seconds = int(LIVES.total_seconds())
    if row.state == "pending":
        return f"no agent took it within {seconds} s"
    return f"its agent did not tell how it went within {seconds} s"


def _runtime(using: str = "default") -> Runtime | None:
    """What the tenant's tasks run in: of the deployment in force, else the newest that is ready."""
    deployment = (
        Deployment.objects.using(using)
        .select_related("bundle_version__runtime")
        .filter(state="active")
        .first()
    )
    if deployment is not None and deployment.bundle_version.runtime is not None:
        found: Runtime = deployment.bundle_version.runtime
        return found
    return Runtime.objects.using(using).filter(state="ready").order_by("-created_at").first()


def _open(row: ConnectionTest, using: str) -> dict[str, Any]:
    place = _place(row.id, using)
    try:
        plain = store.current().open(sealed=bytes(row.sealed or b""), place=place, using=using)
    except KeyGone:
        row.refresh_from_db(using=using, fields=["sealed"])
        plain = store.current().open(sealed=bytes(row.sealed or b""), place=place, using=using)
    found: dict[str, Any] = json.loads(plain)
    return found


def _place(row_id: UUID, using: str = "default") -> Place:
    return Place(
        tenant_id=UUID(str(current_tenant(using=using))),
        table="connection_test",
        column="sealed",
        row_id=row_id,
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
