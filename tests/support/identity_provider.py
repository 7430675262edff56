"""An OpenID Connect provider in a process of its own (oidc-provider-mock), and a browser that signs in there."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import requests

PATIENCE_SECONDS = 30.0


class Provider:
    """`issuer` is its address."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"

    def put_person(self, subject: str, **claims: object) -> None:
        """What it says of somebody from now on."""
        requests.put(f"{self.issuer}/users/{subject}", json=claims, timeout=10).raise_for_status()

    def browse(self, address: str, subject: str) -> dict[str, str]:
        """Sign in as `subject` at the address that we sent the browser to; what it is sent back with."""
        answer = requests.post(address, data={"sub": subject}, allow_redirects=False, timeout=10)
        assert answer.status_code in (302, 303), answer.text[:500]
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
        return {key: values[0] for key, values in query.items()}


@contextlib.contextmanager
def running_provider() -> Iterator[Provider]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    environment = {**os.environ, "NO_COLOR": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        limit = time.monotonic() + PATIENCE_SECONDS
        while not _answers(port):
            assert process.poll() is None, "the provider did not start"
            assert time.monotonic() < limit, "the provider does not answer"
        yield Provider(port)
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False
