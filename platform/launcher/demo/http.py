"""JSON over HTTP to the stack, with the standard library: what any script of a user could do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class DemoRefused(Exception):
    """The stack answered something else than the walk expects; the message shows what."""


class Door:
    """The stack's HTTP API, with a bearer token once there is one."""

    def __init__(self, *, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.token = token

    def call(self, method: str, path: str, body: Any = None, *, timeout_seconds: float = 30.0) -> Any:
        """The decoded answer. Raises DemoRefused for anything but 2xx."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.base_url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_seconds) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:2000]
            raise DemoRefused(f"{method} {path} was answered with {error.code}: {said}") from error
        except OSError as error:
            raise DemoRefused(f"{method} {path}: {error}") from error
        return json.loads(text) if text else None
