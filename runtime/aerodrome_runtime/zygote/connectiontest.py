"""Role `connection`: one connection is tested with its hook, in the tenant's runtime, behind the guard.

Before: the child is jailed with a guarded network and holds a socket to the agent and two pipes. The connection comes
over that socket, so that nobody else ever has it. After: the agent was told what the hook said, and the process ended.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import msgspec

from aerodrome_runtime.zygote import adopt, guard, stdio
from aerodrome_runtime.zygote.orders import Fork
from aerodrome_runtime.zygote.title import set_title

LONGEST_MESSAGE = 4000


def run_connection_test(order: Fork, fds: list[int]) -> None:
    """`fds`: socket to the agent, stdout, stderr."""
    control, stdout, stderr = fds
    stdio.attach(requests=None, logs=None, stdout=stdout, stderr=stderr, result=control)
    os.set_inheritable(stdio.RESULT_FD, False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    set_title(order.title)
    agent = socket.socket(fileno=stdio.RESULT_FD)
    guard.put_up(agent)
    given = msgspec.msgpack.decode(_receive(agent))
    adopt.environment(order.environment)
    adopt.runtime(order.place)
    adopt.block_orm()
    own = os.getpid()
    status, message = _test(given)
    if os.getpid() == own:
        told = msgspec.msgpack.encode({"status": status, "message": message[:LONGEST_MESSAGE]})
        agent.sendall(len(told).to_bytes(4, "big") + told)
    os._exit(0)


def _test(given: dict[str, Any]) -> tuple[bool, str]:
    """As Airflow's `supervise_connection_test` does it; the hook may look its connection up by any way there is."""
    from airflow.sdk.definitions.connection import Connection

    try:
        connection = Connection(**given)
        os.environ[f"AIRFLOW_CONN_{connection.conn_id.upper()}"] = connection.get_uri()
        os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "client"
        status, message = connection.test_connection()
    except BaseException as error:
        # A hook may raise what it likes; that is an answer, too.
        return False, f"{type(error).__name__}: {error}"
    return bool(status), str(message)


def _receive(agent: socket.socket) -> bytes:
    length = int.from_bytes(_exactly(agent, 4), "big")
    return _exactly(agent, length)


def _exactly(agent: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        data = agent.recv(count - len(found))
        if not data:
            os._exit(0)
        found += data
    return bytes(found)
