"""What must not be read in a log: known secret values, and values under keys that sound secret.

Follows Airflow's `SecretsMasker` (same names, same least length, same `***`); the difference is that raw output
is masked too, and that each line of a secret of several lines is one by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

REPLACEMENT = "***"
LEAST_LENGTH = 5
NEVER_MASKED = frozenset({"airflow"})
MOST_DEPTH = 12
SENSITIVE = (
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxy",
    "secret",
    "service_account",
    "service_key",
    "token",
    "keyfile_dict",
    "webhook_url",
)


@lru_cache(maxsize=4096)
def sounds_secret(name: str) -> bool:
    """Whether a value under this name is hidden whatever it is."""
    normalised = re.sub(r"\W+", "_", name.strip().lower())
    return any(word in normalised for word in SENSITIVE)


class Mask:
    """The secrets of one attempt."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        for secret in secrets:
            self.add(secret)

    def add(self, value: Any, *, name: str | None = None) -> None:
        """Mask `value` from now on; with a `name`, only when the name sounds secret. Walks dicts and lists."""
        before = len(self._values)
        self._collect(value, name, 0)
        if len(self._values) != before:
            # Longest first: a secret that begins with another one is hidden whole.
            ordered = sorted(self._values, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, ordered)))

    def text(self, line: str) -> str:
        """`line` with every known secret replaced."""
        return self._pattern.sub(REPLACEMENT, line) if self._pattern else line

    def event(self, item: Any, *, name: str | None = None, depth: int = 0) -> Any:
        """A decoded log line with secrets replaced, by value and by key."""
        if name is not None and sounds_secret(name):
            return _hide(item, 0)
        if depth > MOST_DEPTH:
            return REPLACEMENT
        if isinstance(item, str):
            return self.text(item)
        if isinstance(item, dict):
            return {key: self.event(value, name=key, depth=depth + 1) for key, value in item.items()}
        if isinstance(item, list):
            return [self.event(value, depth=depth + 1) for value in item]
        return item

    def _collect(self, value: Any, name: str | None, depth: int) -> None:
        if depth > MOST_DEPTH:
            return
        if isinstance(value, str):
            if name is None or sounds_secret(name):
                self._values.update(part for part in {value, *value.splitlines()} if _worth(part))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                self._collect(inner, str(key), depth + 1)
        elif isinstance(value, Iterable) and not isinstance(value, bytes):
            for inner in value:
                self._collect(inner, name, depth + 1)


def _worth(value: str) -> bool:
    return len(value.strip()) >= LEAST_LENGTH and value.lower() not in NEVER_MASKED


def _hide(item: Any, depth: int) -> Any:
    if isinstance(item, str) or depth > MOST_DEPTH:
        return REPLACEMENT
    if isinstance(item, dict):
        return {key: _hide(value, depth + 1) for key, value in item.items()}
    if isinstance(item, list):
        return [_hide(value, depth + 1) for value in item]
    return item
