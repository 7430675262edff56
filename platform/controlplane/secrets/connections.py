"""Airflow's Connections of the tenant in scope: the address in clear, password and extra sealed.

Every call runs inside `tenant_scope`. Callers: `api/v2`, `api/execution`, the command line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.connection import Connection
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from controlplane.secrets.embedded import KeyGone
from domain.ids import uuid7
from tenants.audit.difference import held, record_difference
from tenants.scope import current_tenant

ID_LENGTH = 250


class ConnectionUnknown(LookupError):
    """The tenant in scope has no Connection of this id."""


class ConnectionIdInvalid(ValueError):
    """The id is empty or too long."""


@dataclass(frozen=True)
class Sealed:
    """What of a Connection is secret. `extra` is JSON text, as Airflow keeps it."""

    password: str | None = None
    extra: str | None = None


def get(conn_id: str) -> dict[str, Any]:
    """The Connection in the shape of the Execution API's ConnectionResponse, secrets in clear:
    conn_id, conn_type, host, schema, login, password, port, extra.

    Raises ConnectionUnknown, SealBroken, KeyUnavailable.
    """
    try:
        return _get(conn_id)
    except KeyGone:
        return _get(conn_id)


def _get(conn_id: str) -> dict[str, Any]:
    rows = execute("secrets/sql/get_connection.sql", conn_id=conn_id)
    if not rows:
        raise ConnectionUnknown(f"Connection with ID {conn_id} not found")
    row_id, conn_type, host, schema, login, port, sealed = rows[0]
    secret = _open(row_id=row_id, sealed=None if sealed is None else bytes(sealed))
    return {
        "conn_id": conn_id,
        "conn_type": conn_type,
        "host": host,
        "schema": schema,
        "login": login,
        "password": secret.password,
        "port": port,
        "extra": secret.extra,
    }


def secrets_of(row: Connection) -> Sealed:
    """Password and extra of a row that the caller has read (lists with filters and pages are the API's)."""
    try:
        return _open(row_id=row.id, sealed=None if row.sealed is None else bytes(row.sealed))
    except KeyGone:
        row.refresh_from_db(fields=["sealed"])
        return _open(row_id=row.id, sealed=None if row.sealed is None else bytes(row.sealed))


def put(
    *,
    conn_id: str,
    conn_type: str,
    description: str | None = None,
    host: str | None = None,
    login: str | None = None,
    password: str | None = None,
    schema: str | None = None,
    port: int | None = None,
    extra: str | None = None,
    now: datetime,
) -> bool:
    """Create it or replace all of it. True when it is new. Raises ConnectionIdInvalid."""
    if not conn_id or len(conn_id) > ID_LENGTH:
        raise ConnectionIdInvalid(f"A Connection's id has 1 to {ID_LENGTH} characters, not {len(conn_id)}.")
    before = held(Connection.objects.filter(conn_id=conn_id).first())
    # The row comes first: the seal is bound to its id.
    [(row_id, is_new)] = execute(
        "secrets/sql/place_connection.sql",
        id=uuid7(),
        conn_id=conn_id,
        conn_type=conn_type,
        description=description,
        host=host,
        login=login,
        schema=schema,
        port=port,
        now=now,
    )
    sealed = None
    if password is not None or extra is not None:
        plain = json.dumps({"password": password, "extra": extra}).encode()
        sealed = store.current().seal(plain=plain, place=_place(row_id))
    execute("secrets/sql/fill_connection.sql", id=row_id, sealed=sealed)
    after = {"id": row_id, "conn_id": conn_id, "conn_type": conn_type, "description": description, "host": host,
             "login": login, "schema": schema, "port": port, "sealed": sealed}  # fmt: skip
    _record("connection.made" if is_new else "connection.changed", conn_id, before, after)
    return bool(is_new)


def delete(conn_id: str) -> None:
    """Raises ConnectionUnknown."""
    before = held(Connection.objects.filter(conn_id=conn_id).first())
    if not execute("secrets/sql/delete_connection.sql", conn_id=conn_id):
        raise ConnectionUnknown(f"Connection with ID {conn_id} not found")
    _record("connection.deleted", conn_id, before, None)


def _record(action: str, conn_id: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    record_difference(
        action=action, target=f"connection:{conn_id}", table=Connection, before=before, after=after
    )


def _place(row_id: UUID) -> Place:
    return Place(tenant_id=UUID(current_tenant()), table="connection", column="sealed", row_id=row_id)


def _open(*, row_id: UUID, sealed: bytes | None) -> Sealed:
    if sealed is None:
        return Sealed()
    return Sealed(**json.loads(store.current().open(sealed=sealed, place=_place(row_id))))
