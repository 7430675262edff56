"""Strict reading of the environment: a missing or malformed value stops the process with its name and the mend."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str | None = None) -> str:
    """The variable, or what the file named by `NAME_FILE` holds, or `default`; else ImproperlyConfigured."""
    if name in os.environ:
        return os.environ[name]
    if path := os.environ.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error}") from error
    if default is None:
        raise ImproperlyConfigured(
            f"{name} is not set. Start through ./aerodrome, which sets it, or see docs/reference/configuration.md."
        )
    return default


def integer(name: str, default: int, *, least: int | None = None) -> int:
    """A whole number."""
    raw = text(name, str(default))
    try:
        value = int(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}.") from error
    if least is not None and value < least:
        raise ImproperlyConfigured(f"{name} must be at least {least}, not {value}.")
    return value


def choice(name: str, default: str, words: tuple[str, ...]) -> str:
    """One of these words."""
    value = text(name, default)
    if value not in words:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(words)}, not {value!r}.")
    return value


def networks(name: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    """A list of networks: `10.1.0.0/16, 127.0.0.1/32`."""
    raw = text(name, "")
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in raw.split(",") if part.strip())
    except ValueError as error:
        raise ImproperlyConfigured(
            f"{name} must be networks like 10.1.0.0/16, 127.0.0.1/32: {error}."
        ) from error


def channels(name: str) -> list[dict[str, object]]:
    """A JSON list of `{"kind", "config", "secret"}`; empty when it is not set."""
    raw = text(name, "[]")
    try:
        found = json.loads(raw or "[]")
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a JSON list of channels.") from error
    if not isinstance(found, list) or not all(isinstance(one, dict) and "kind" in one for one in found):
        raise ImproperlyConfigured(
            f'{name} must be a JSON list like [{{"kind": "slack", "secret": {{"url": "…"}}}}].'
        )
    return found


def boolean(name: str, default: bool) -> bool:
    """true/false, yes/no, on/off, 1/0."""
    raw = text(name, str(default)).lower()
    if raw in {"1", "true", "yes", "on"}:
        return True
    if raw in {"0", "false", "no", "off", ""}:
        return False
    raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}.")


def password_file(name: str) -> str:
    """The file with the password for the URL in this variable, or ""."""
    return os.environ.get(f"{name.removesuffix('_URL')}_PASSWORD_FILE", "")


def _password(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"the password file {file} cannot be read: {error}") from error


def redis(name: str) -> tuple[str, str]:
    """A redis-py URL, and its user when the password comes from a file: the URL is then without both."""
    url = text(name)
    if not password_file(name):
        return url, ""
    parts = urlsplit(url)
    _password(password_file(name))
    where = parts.netloc.rpartition("@")[2]
    return url.replace(f"://{parts.netloc}", f"://{where}", 1), unquote(parts.username or "")


def postgres(name: str) -> dict[str, object]:
    """A libpq URL (`postgresql://user:password@host:port/name?host=/socket/folder`) as Django's settings.

    `PASSWORD_FILE` is our own: `controlplane.foundation.postgres` reads it again when the password is refused.
    """
    url = text(name)
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(
            f"{name} must be a postgresql:// URL: Aerodrome runs on PostgreSQL only, not on {parts.scheme!r}."
        )
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    file = password_file(name)
    return {
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": _password(file) if file else unquote(parts.password or ""),
        "PASSWORD_FILE": file,
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": query.pop("port", str(parts.port or "")),
        "OPTIONS": query,
    }


def smtp(name: str) -> dict[str, Any]:
    """A mail server's URL as what Django's SMTP backend is called with; `{}` when there is none.

    `smtp://host:25` speaks in the clear, `smtp+starttls://user:password@host:587` and
    `smtps://user:password@host:465` do not; a password is never sent in the clear.
    """
    url = text(name, "")
    if not url:
        return {}
    parts = urlsplit(url)
    ports = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
    if parts.scheme not in ports or not parts.hostname:
        raise ImproperlyConfigured(
            f"{name} must be smtp://host, smtp+starttls://user:password@host or smtps://user:password@host."
        )
    if parts.password and parts.scheme == "smtp":
        raise ImproperlyConfigured(
            f"{name} would send its password in the clear: use smtp+starttls:// or smtps://."
        )
    return {
        "host": parts.hostname,
        "port": parts.port or ports[parts.scheme],
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_tls": parts.scheme == "smtp+starttls",
        "use_ssl": parts.scheme == "smtps",
        "timeout": 15,
    }
