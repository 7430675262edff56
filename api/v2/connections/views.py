"""GET, POST /connections; GET, PATCH, DELETE /connections/{connection_id}."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.v2.connections.merge import merge_masked
from api.v2.listing import page, patterns
from api.v2.operation import Call, Reply, operation
from api.v2.outside_secrets import from_outside
from api.v2.refusals import Refusal, not_found
from api.v2.team_names import NoTeam
from controlplane.ledger.models.connection import Connection
from controlplane.secrets import connections
from controlplane.secrets.masking import MASK, redact_text

ORDERS = {
    "conn_id": "conn_id",
    "connection_id": "conn_id",
    "conn_type": "conn_type",
    "description": "description",
    "host": "host",
    "port": "port",
    "id": "id",
    "team_name": "id",
}


def _extra(value: str | None) -> str | None:
    if value is None:
        return None
    if value == "":
        return "{}"
    shape = "The `extra` field must be a valid JSON object (e.g., {'key': 'value'})"
    try:
        found = json.loads(value)
    except ValueError as error:
        raise ValueError(f"{shape}, but encountered non-JSON in `extra` field") from error
    if not isinstance(found, dict):
        raise ValueError(shape)
    return value


class ConnectionBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    connection_id: str = Field(max_length=200, pattern=r"^[\w.-]+$")
    conn_type: str = Field(max_length=500)
    description: str | None = None
    host: str | None = Field(None, max_length=500)
    login: str | None = Field(None, max_length=500)
    schema_: str | None = Field(None, alias="schema", max_length=500)
    port: int | None = Field(None, ge=-(2**31), le=2**31 - 1)
    password: str | None = None
    extra: Annotated[str | None, AfterValidator(_extra)] = None
    team_name: NoTeam = None


@operation("connections.read")
def get_connections(call: Call) -> Any:
    """A page of connections; passwords and telling extras are masked."""
    rows = patterns(Connection.objects.all(), call.query, connection_id="conn_id")
    found, total = page(rows, call.query, ORDERS, default="id")
    return {"connections": [_response(row) for row in found], "total_entries": total}


@operation("connections.read")
def get_connection(call: Call, connection_id: str) -> Any:
    """One connection; of one that only a secret store has, what is no secret."""
    try:
        return _response(_read(connection_id))
    except Refusal as absent:
        return from_outside(
            call, kind="connection", name=connection_id, absent=absent, shape=_response_of_store
        )


@operation(
    "connections.edit", event="post_connection", records=("connection_id", "conn_type", "host", "port")
)
def post_connection(call: Call) -> Any:
    """A new connection."""
    body = call.body(ConnectionBody)
    if Connection.objects.filter(conn_id=body.connection_id).exists():
        message = f"The Connection with connection_id: `{body.connection_id}` already exists"
        reason = "Unique constraint violation"
        detail = {"reason": reason, "statement": "hidden", "orig_error": "hidden", "message": message}
        raise Refusal(409, detail)
    put(call, body)
    return Reply(201, _response(_read(body.connection_id)))


@operation(
    "connections.edit", event="patch_connection", records=("connection_id", "conn_type", "host", "port")
)
def patch_connection(call: Call, connection_id: str) -> Any:
    """Change what the body (or of it, the mask) names. Masked secrets that come back stay as they are."""
    body = call.body(ConnectionBody)
    if body.connection_id != connection_id:
        raise Refusal(400, "The connection_id in the request body does not match the URL parameter")
    change(call, _read(connection_id), body, call.query.texts("update_mask"))
    return _response(_read(connection_id))


@operation("connections.edit", event="delete_connection")
def delete_connection(call: Call, connection_id: str) -> Any:
    """Gone."""
    try:
        connections.delete(connection_id)
    except connections.ConnectionUnknown as error:
        raise _unknown(connection_id) from error
    return Reply(204)


def _password(given: str | None, held: str | None) -> str | None:
    return held if given == MASK else given


def change(call: Call, row: Connection, body: ConnectionBody, update_mask: Sequence[str]) -> None:
    """Write what the body (or of it, the mask) names. Masked secrets that come back stay as they are."""
    held = connections.secrets_of(row)
    mask = {"schema_" if name == "schema" else name for name in update_mask}
    fields = body.model_fields_set & mask if mask else body.model_fields_set
    merged = body.model_copy(
        update={
            **{
                name: getattr(row, "schema" if name == "schema_" else name)
                for name in ("conn_type", "description", "host", "login", "schema_", "port")
                if name not in fields
            },
            "password": _password(body.password, held.password) if "password" in fields else held.password,
            "extra": merge_masked(body.extra, held.extra) if "extra" in fields else held.extra,
        }
    )
    put(call, merged)


def put(call: Call, body: ConnectionBody) -> None:
    """All of it, as the body says."""
    connections.put(
        conn_id=body.connection_id,
        conn_type=body.conn_type,
        description=body.description,
        host=body.host,
        login=body.login,
        password=body.password,
        schema=body.schema_,
        port=body.port,
        extra=body.extra,
        now=call.now,
    )


def _unknown(connection_id: str) -> Refusal:
    return not_found(f"The Connection with connection_id: `{connection_id}` was not found")


def _read(connection_id: str) -> Connection:
    row = Connection.objects.filter(conn_id=connection_id).first()
    if row is None:
        raise _unknown(connection_id)
    return row


def _response_of_store(found: dict[str, Any], store: str) -> dict[str, Any]:
    return {
        "connection_id": found["conn_id"],
        "conn_type": found["conn_type"],
        "description": f"In the secret store {store}",
        "host": found["host"],
        "login": found["login"],
        "schema": found["schema"],
        "port": found["port"],
        "password": None if found["password"] is None else MASK,
        "extra": redact_text(found["extra"]),
        "team_name": None,
    }


def _response(row: Connection) -> dict[str, Any]:
    secret = connections.secrets_of(row)
    return {
        "connection_id": row.conn_id,
        "conn_type": row.conn_type,
        "description": row.description,
        "host": row.host,
        "login": row.login,
        "schema": row.schema,
        "port": row.port,
        "password": None if secret.password is None else MASK,
        "extra": redact_text(secret.extra),
        "team_name": None,
    }
