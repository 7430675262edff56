"""One small JSON request to a Git host's API: the host resolved once and looked at, connected to as found.

No redirects, no proxy, no cookies, no answer above a bound, no longer than a few seconds. Called by
`commit_statuses` and `app_tokens`, outside any transaction.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from controlplane.bundles.remote_address import AddressInvalid, resolve
from controlplane.bundles.trust import trusting_context

SECONDS = 10.0
MOST_BYTES = 256 * 1024


class HostUnreachable(RuntimeError):
    """No answer that can be used; the text holds no credential."""


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """`body` is the parsed object, empty when it is none."""

    status: int
    body: dict[str, Any]
    retry_after: str = ""


def post_json(*, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> HostAnswer:
    """POST `body`. Raises HostUnreachable, HostRefused."""
    parts = urlsplit(url)
    protocols = getattr(settings, "GIT_REMOTE_PROTOCOLS", ("https",))  # no variable sets it: tests do
    if parts.scheme not in ("http", "https") or parts.scheme not in protocols or not parts.hostname:
        raise AddressInvalid(f"{parts.scheme}://{parts.hostname} is no address of an API")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = resolve(host=parts.hostname, port=port)[0]
    connection = http.client.HTTPConnection(parts.hostname, port, timeout=SECONDS)
    # A time-out per read does not stop a host that sends a byte at a time: the whole is cut.
    cutter = threading.Timer(2 * SECONDS, _cut, (connection,))
    cutter.daemon = True
    cutter.start()
    try:
        opened = socket.create_connection((address, port), SECONDS)
        if parts.scheme == "https":
            opened = trusting_context().wrap_socket(opened, server_hostname=parts.hostname)
        connection.sock = opened
        sent = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": "Aerodrome",
            "Host": parts.netloc.rpartition("@")[2],
            **headers,
        }
        connection.request("POST", parts.path, body=json.dumps(body).encode(), headers=sent)
        answer = connection.getresponse()
        content = answer.read(MOST_BYTES + 1)
        return HostAnswer(answer.status, _object(content), answer.headers.get("Retry-After", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HostUnreachable(f"{parts.hostname} did not answer: {type(error).__name__}") from error
    finally:
        cutter.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _object(content: bytes) -> dict[str, Any]:
    if len(content) > MOST_BYTES:
        return {}
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
