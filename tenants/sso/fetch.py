"""Asks an identity provider something, over HTTP, at an address that tenants' words may lead to.

The name is resolved once, every address of it is checked, and the connection goes to the one that was checked:
no redirect, no proxy, no second look-up (RELIABILITY 2.3, row 67). Private networks are for operators to allow
(AERODROME_SSO_NETWORKS); plain HTTP is for those alone.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from domain.addresses import is_public, may_connect

TIMEOUT_SECONDS = 5.0
MOST_BYTES = 512 * 1024


class ProviderUnreachable(Exception):
    """The identity provider cannot be asked, or answers nothing usable. The message names no inner address."""


def fetch_json(
    url: str, *, form: dict[str, str] | None = None, headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """GET, or POST of `form`; the JSON object that comes back with 200. Raises ProviderUnreachable."""
    host = urlsplit(url).hostname or url[:80]
    try:
        status, body = _ask(url, form, headers or {})
        found = json.loads(body) if status == 200 else None
    except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
        raise ProviderUnreachable(f"the identity provider at {host} gives no answer") from error
    if not isinstance(found, dict):
        raise ProviderUnreachable(f"the identity provider at {host} answered {status} and no JSON object")
    return found


def _ask(url: str, form: dict[str, str] | None, headers: dict[str, str]) -> tuple[int, bytes]:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("not an address of the web")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = _resolve(parts.hostname, port, encrypted=parts.scheme == "https")
    link = http.client.HTTPConnection(parts.hostname, port, timeout=TIMEOUT_SECONDS)
    link.sock = socket.create_connection((address, port), timeout=TIMEOUT_SECONDS)
    try:
        if parts.scheme == "https":
            link.sock = ssl.create_default_context().wrap_socket(link.sock, server_hostname=parts.hostname)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Accept": "application/json", **headers}
        body = None
        if form is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form)
        link.request("GET" if form is None else "POST", path, body=body, headers=sent)
        answer = link.getresponse()
        content = answer.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError("the answer is too long")
        return answer.status, content
    finally:
        link.close()


def _resolve(host: str, port: int, *, encrypted: bool) -> str:
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if not may_connect(address, allowed=settings.SSO_NETWORKS):
            raise ValueError("the name leads into a network that is not allowed")
        if not encrypted and is_public(address):
            raise ValueError("plain HTTP is for networks that the operator allows")
    return found[0]
