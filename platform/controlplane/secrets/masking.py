"""Which names mean secrets, and what people see in their place. The rule is Airflow's, so that a value hidden
there is hidden here: a name is sensitive when, lower-cased and with every run of other characters turned into
`_`, it contains one of NAMES. Callers: `api/v2`, whoever shows rendered fields or tells agents what to mask.

Airflow's list: configuration reference, `[core] sensitive_var_conn_names`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

MASK = "***"
MIN_LENGTH = 5
"""Shorter secrets are not searched for in logs: they would blank half of every line (Airflow's default)."""

NAMES = (
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "proxy_password",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
)

_OTHER = re.compile(r"\W+")


def is_sensitive(name: str | None) -> bool:
    """True for the name of a Variable, a field of an extra or an argument that holds a secret."""
    if not name:
        return False
    flat = _OTHER.sub("_", name.strip().lower())
    return any(part in flat for part in NAMES)


def redact(value: Any, name: str | None = None) -> Any:
    """`value` (of JSON) with every string under a sensitive name replaced by MASK, at any depth.

    Under a sensitive name, texts are masked, containers walked, and numbers, true, false and null stay, as in
    Airflow. The result shares nothing with `value`.
    """
    return _redact(value, hide=is_sensitive(name))


def redact_text(text: str | None, name: str | None = None) -> str | None:
    """The same for text that may hold JSON, like a Variable's value or a Connection's extra."""
    if not text:
        return text
    try:
        held = json.loads(text)
    except ValueError:
        return MASK if is_sensitive(name) else text
    return json.dumps(redact(held, name))


def secrets_in(connection: dict[str, Any]) -> list[str]:
    """The texts of a Connection (shape of `connections.get`) that logs must not show."""
    found = [connection["password"]] if connection.get("password") else []
    try:
        extra = json.loads(connection.get("extra") or "null")
    except ValueError:
        extra = None
    found.extend(_sensitive_texts(extra, hide=False))
    return sorted({text for text in found if len(text) >= MIN_LENGTH})


def _redact(value: Any, *, hide: bool) -> Any:
    if isinstance(value, dict):
        return {key: _redact(held, hide=hide or is_sensitive(str(key))) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(held, hide=hide) for held in value]
    return MASK if hide and isinstance(value, str) else value


def _sensitive_texts(value: Any, *, hide: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, held in value.items():
            yield from _sensitive_texts(held, hide=hide or is_sensitive(str(key)))
    elif isinstance(value, list):
        for held in value:
            yield from _sensitive_texts(held, hide=hide)
    elif hide and isinstance(value, str):
        yield value
