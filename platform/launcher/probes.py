"""Quick questions to a child: does it answer? Each gives up after two seconds and never raises."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

_TIMEOUT_SECONDS = 2.0


def http_answers(*, host: str, port: int, path: str) -> bool:
    """True when the server answers ``GET path`` with anything but a server error."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path, headers={"Accept": "application/json"})
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def socket_accepts(*, path: Path) -> bool:
    """True when someone listens on the unix socket ``path``."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT_SECONDS)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True
