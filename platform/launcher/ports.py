"""Chooses the web server's port: the one asked for, or a free one that is kept from start to start."""

from __future__ import annotations

import socket
from pathlib import Path


class PortTaken(Exception):
    """Another program listens on the port that was asked for."""


def choose_port(*, host: str, port: int, remembered_in: Path) -> int:
    """The port to listen on. With ``port`` 0: the remembered one if free, else a new one, remembered.

    Raises ``PortTaken`` when a port was asked for by number and is not free.
    """
    if port:
        if not is_free(host, port):
            raise PortTaken(
                f"{host}:{port} is taken by another program: stop that, or set AERODROME_BIND to another "
                f"address (AERODROME_BIND={host}:0 takes a free port)"
            )
        return port
    try:
        last = int(remembered_in.read_text())
    except (FileNotFoundError, ValueError):
        last = 0
    if last and is_free(host, last):
        return last
    with socket.create_server((host, 0)) as server:
        free = int(server.getsockname()[1])
    remembered_in.write_text(f"{free}\n")
    return free


def is_free(host: str, port: int) -> bool:
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True
