"""Texts and objects that secret stores hold for a connection, in the shape of `connections.get`.

Three forms, as Airflow's own secrets backends read them: a URI (`postgres://user:pass@host:5432/db?sslmode=require`),
a JSON object of the connection's fields, or those fields themselves.
Source: Airflow, "Connections & Hooks", "URI format" and "JSON format".
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from controlplane.secrets.source import SecretMalformed

FIELDS = ("conn_type", "host", "schema", "login", "password", "port", "extra")
_EXTRA = "__extra__"
"""The query parameter that holds a whole extra as JSON."""


def connection_from(held: Any, *, conn_id: str) -> dict[str, Any]:
    """The connection in `held`. Raises SecretMalformed, which repeats nothing of it."""
    if isinstance(held, str):
        text = held.strip()
        if not text.startswith("{"):
            return _from_uri(text, conn_id)
        try:
            held = json.loads(text)
        except ValueError:
            raise _malformed(conn_id, "it is no JSON") from None
    if not isinstance(held, dict):
        raise _malformed(conn_id, "it is neither a URI nor an object")
    for name in ("conn_uri", "uri"):
        if isinstance(held.get(name), str):
            return _from_uri(held[name], conn_id)
    return _from_fields(held, conn_id)


def _from_fields(held: dict[str, Any], conn_id: str) -> dict[str, Any]:
    fields = {"login": held.get("user"), "schema": held.get("database")} | held
    if not isinstance(fields.get("conn_type"), str) or not fields["conn_type"]:
        raise _malformed(conn_id, "`conn_type` is missing")
    found: dict[str, Any] = {"conn_id": conn_id}
    for name in FIELDS:
        value = fields.get(name)
        if name == "port":
            found[name] = _port(value, conn_id)
        elif name == "extra" and isinstance(value, dict):
            found[name] = json.dumps(value)
        elif value is None or isinstance(value, str):
            found[name] = value
        else:
            raise _malformed(conn_id, f"`{name}` is no text")
    return found


def _from_uri(text: str, conn_id: str) -> dict[str, Any]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _malformed(conn_id, "it is no URI") from None
    if not parts.scheme or "://" not in text:
        raise _malformed(conn_id, "it is no URI")
    scheme = parts.scheme.replace("-", "_")
    return {
        "conn_id": conn_id,
        "conn_type": "postgres" if scheme == "postgresql" else scheme,
        "host": _host(parts.netloc),
        "schema": unquote(parts.path[1:]) or None,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "port": port,
        "extra": _extra(parts.query),
    }


def _host(netloc: str) -> str | None:
    """As it was written: `urlsplit` would make it lower case."""
    host = netloc.rpartition("@")[2]
    host = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    return unquote(host) or None


def _extra(query: str) -> str | None:
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    if not pairs:
        return None
    return pairs[_EXTRA] if _EXTRA in pairs else json.dumps(pairs)


def _port(value: Any, conn_id: str) -> int | None:
    if value in (None, ""):
        return None
    try:
        return int(value)
    except (TypeError, ValueError):
        raise _malformed(conn_id, "`port` is no number") from None


def _malformed(conn_id: str, why: str) -> SecretMalformed:
    return SecretMalformed(f"the secret of connection {conn_id!r} cannot be read: {why}")
