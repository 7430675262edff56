"""A Git host of our own: the smart HTTP protocol by git's own server, a password, and an API that takes notes."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from django.test import override_settings


def local() -> override_settings:
    """Lets tests fetch from this machine, and without TLS."""
    return override_settings(
        GIT_NETWORKS=(ip_network("127.0.0.0/8"),), GIT_REMOTE_PROTOCOLS=("https", "ssh", "http", "file")
    )


@dataclass
class GitHostServer:
    """`url` of the repository `owner/dags.git` below `folder`. `password`: what Basic authentication must hold."""

    url: str
    folder: Path
    password: str = ""
    redirect_to: str = ""
    api_answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    """What the API answers, in turn; then 201 and nothing."""
    api_calls: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    """(path, headers with names in lower case, body) of each call."""
    fetches: int = 0
    told: list[str] = field(default_factory=list)
    """What happened here, in order: `fetch`, `<state> <commit>` of a status."""


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that does not believe the certificate goes away: that is its test."""


@contextlib.contextmanager
def git_host(folder: Path, *, tls: ssl.SSLContext | None = None) -> Iterator[GitHostServer]:
    """Serves bare repositories below `folder` until the block ends, with `tls` by HTTPS."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            return

        def do_GET(self) -> None:
            _serve_git(self, host)

        def do_POST(self) -> None:
            if self.path.startswith("/api/"):
                _serve_api(self, host)
            else:
                _serve_git(self, host)

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    scheme = "https" if tls is not None else "http"
    host = GitHostServer(url=f"{scheme}://127.0.0.1:{server.server_address[1]}/owner/dags.git", folder=folder)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        with local():
            yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    parts = []
    while size := int(handler.rfile.readline().strip() or b"0", 16):
        parts.append(handler.rfile.read(size))
        handler.rfile.readline()
    handler.rfile.readline()
    return b"".join(parts)


def _answer(handler: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes = b"") -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def _serve_api(handler: BaseHTTPRequestHandler, host: GitHostServer) -> None:
    headers = {name.lower(): value for name, value in handler.headers.items()}
    body = json.loads(_body(handler))
    host.api_calls.append((handler.path, headers, body))
    if "/statuses/" in handler.path:
        host.told.append(f"{body['state']} {handler.path.rpartition('/')[2]}")
    status, told = host.api_answers.pop(0) if host.api_answers else (201, {})
    _answer(handler, status, {"Content-Type": "application/json"}, json.dumps(told).encode())


def _serve_git(handler: BaseHTTPRequestHandler, host: GitHostServer) -> None:
    body = _body(handler)
    if host.redirect_to:
        _answer(handler, 302, {"Location": host.redirect_to + handler.path})
        return
    given = handler.headers.get("Authorization", "").removeprefix("Basic ")
    password = base64.b64decode(given).decode().partition(":")[2] if given else ""
    if host.password and password != host.password:
        _answer(handler, 401, {"WWW-Authenticate": 'Basic realm="host"'})
        return
    path, _, query = handler.path.partition("?")
    if path.endswith("info/refs"):
        host.fetches += 1
        host.told.append("fetch")
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env={
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(host.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": handler.command,
            "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
        },
        capture_output=True,
        check=False,
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n") if line]
    told = {name: value for name, _, value in lines}
    status = int(told.pop("Status", "200").split()[0])
    _answer(handler, status, told, content)
