"""The child's half of a guarded network: every `connect` of it is decided, and made, by the agent.

The child's network namespace has a loopback and nothing else: no code in it reaches anything. `put_up` installs a
seccomp filter whose `connect` waits for the agent (seccomp_unotify(2)), and gives the agent three descriptors: the
filter's listener, a TCP socket that listens in this namespace, and a UDP socket at the resolver's port. The agent looks
at the address, connects by itself, and connects the child's socket to the listening one; it copies bytes between the
two. So no socket of the host's network is ever in the child, and the address that was looked at is the one that is
connected to. Called in a jailed child before anything of a tenant's is imported.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct

CONNECT = {"x86_64": 42, "aarch64": 203}
RESOLVER = ("127.0.0.1", 53)
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SET_MODE_FILTER, _NEW_LISTENER, _WAIT_KILLABLE = 1, 1 << 3, 1 << 5
_LOAD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _KILL, _NOTIFY = 0x7FFF0000, 0x80000000, 0x7FC00000
_BACKLOG = 64


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def put_up(control: socket.socket) -> None:
    """Guard this process and all that it starts, and give the agent what it needs, over `control`. Raises OSError."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    resolver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    listening.listen(_BACKLOG)
    resolver.bind(RESOLVER)
    notify = _filter()
    try:
        socket.send_fds(control, [b"g"], [notify, listening.fileno(), resolver.fileno()])
    finally:
        os.close(notify)
        listening.close()
        resolver.close()


def _filter() -> int:
    machine = platform.machine()
    code = b"".join(
        struct.pack("=HBBI", *each)
        for each in (
            (_LOAD, 0, 0, 4),
            (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
            (_RETURN, 0, 0, _KILL),
            (_LOAD, 0, 0, 0),
            (_JUMP_EQUAL, 0, 1, CONNECT[machine]),
            (_RETURN, 0, 0, _NOTIFY),
            (_RETURN, 0, 0, _ALLOW),
        )
    )
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    # Kernels before 5.19 know no _WAIT_KILLABLE, which only spares calls that a signal interrupts from being made twice.
    for flags in (_NEW_LISTENER | _WAIT_KILLABLE, _NEW_LISTENER):
        found = libc.syscall(_SECCOMP[machine], _SET_MODE_FILTER, flags, ctypes.byref(program))
        if found >= 0:
            return int(found)
    raise OSError(ctypes.get_errno(), f"seccomp: {os.strerror(ctypes.get_errno())}")
