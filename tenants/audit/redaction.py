"""What an audit row never shows. Values go by the name of their field, by declaration, and by their look.

1. A field whose name means a secret (the names are Airflow's) shows `***`, numbers and flags apart.
2. A field that `REDACTED` names for the kind of its target (`variable:…`) shows `***` whatever it holds.
3. A text that looks like a credential (our tokens, JSON web tokens, private keys, passwords in addresses) loses it.

A test walks every model: each text field is in `PLAIN` or `REDACTED`, or its name means a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

MASK: Final = "***"
NEW: Final = "*** (new)"
"""Stands for a secret that is another one than before."""
MOST_TEXT: Final = 4000
"""Longer texts are cut: an audit row says what changed, it is no copy."""
MOST_ITEMS: Final = 200

_NAMES: Final = (
    "access_key", "access_token", "api_key", "apikey", "auth_header", "authorization", "bearer", "ciphertext",
    "connection_string", "credential", "dsn", "keyfile", "passphrase", "passwd", "password", "private_key", "proxies",
    "proxy", "recovery_code", "sealed", "secret", "service_account", "service_key", "token", "webhook_url",
)  # fmt: skip
_ABOUT: Final = frozenset(
    {"token_id", "token_name", "token_prefix", "token_kind", "token_role", "token_count"}
)
"""Names that have such a word in them and tell of the thing, not what it opens."""
_OTHER = re.compile(r"\W+")
_CREDENTIALS: Final = (
    (re.compile(r"\baero_[a-z]+_[A-Za-z0-9_-]{16,}"), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (re.compile(r"\b([a-z][a-z0-9+.-]{1,20}://[^\s/:@]*):[^\s/@]+@"), rf"\1:{MASK}@"),
    (re.compile(r"\b(?:ghp|gho|ghs|github_pat|glpat|xox[abp]|whsec|hvs|sk)[_-][A-Za-z0-9_-]{12,}"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MASK),
)  # fmt: skip

REDACTED: Final[dict[str, frozenset[str]]] = {
    "variable": frozenset({"value", "val", "_val"}),
    "connection": frozenset({"password", "extra", "uri", "login"}),
    "xcom": frozenset({"value", "return_value"}),
    "secret": frozenset({"value", "key", "data"}),
    "channel": frozenset({"url", "address", "settings", "config"}),
}
"""Kind of target -> its fields that are never shown."""


def is_sensitive(name: str) -> bool:
    """Whether a field of this name holds a secret."""
    flat = _OTHER.sub("_", name.strip().lower())
    return flat not in _ABOUT and any(part in flat for part in _NAMES)


def redact(value: Any, *, kind: str = "") -> Any:
    """`value` as JSON may hold it and people may see it. `kind`: of the target, before its colon."""
    return _redact(value, hidden=REDACTED.get(kind, frozenset()), hide=False, depth=0)


def _redact(value: Any, *, hidden: frozenset[str], hide: bool, depth: int) -> Any:
    if depth > 8:
        return MASK if hide else "…"
    if isinstance(value, Mapping):
        out: dict[str, Any] = {}
        for key, held in list(value.items())[:MOST_ITEMS]:
            name = str(key)
            if name in hidden:
                out[clean(name, 200)] = None if held is None else MASK
                continue
            out[clean(name, 200)] = _redact(
                held, hidden=hidden, hide=hide or is_sensitive(name), depth=depth + 1
            )
        return out
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact(held, hidden=hidden, hide=hide, depth=depth + 1) for held in list(value)[:MOST_ITEMS]]
    if value is None or isinstance(value, bool):
        return value
    if hide and not isinstance(value, int | float):
        return NEW if value == NEW else MASK
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return MASK
    return without_credentials(clean(str(value)))


def without_credentials(text: str) -> str:
    """`text` with what looks like a credential in it masked."""
    for pattern, mask in _CREDENTIALS:
        text = pattern.sub(mask, text)
    return text


def clean(text: str, most: int = MOST_TEXT) -> str:
    """A text that can be stored: no zero byte, no half character, not too long."""
    text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= most else text[: most - 1] + "…"
