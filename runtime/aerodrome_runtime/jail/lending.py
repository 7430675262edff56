"""A jailed process that gives each child it forks a uid of its own: the DAG zygote's way to cheap attempts.

A DAG zygote has run tenant code, so it must be in the jail; yet its forks are attempts, and each attempt has
a uid leased to it alone. So the jail leaves it two capabilities, CAP_SETUID and CAP_SETGID, and a filter that
lets every set*id call reach only the block of uids leased to this zygote. What tenant code in the zygote can do
with that is become one of its own attempts. Everything else the jail took away stays away: no other
capability, no new privileges, no namespaces, no mounts, no path but the jail's.

Filters add up (seccomp(2)): this one is installed beside the general one and can only refuse more.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import signal
import struct

from aerodrome_runtime.jail import syscalls as sys_
from aerodrome_runtime.jail.seccomp import SeccompUnavailable

CAP_SETGID, CAP_SETUID = 6, 7
_PR_SET_KEEPCAPS = 8

# name: (x86_64, aarch64), how many ids it takes
_ID_CALLS = {
    "setuid": ((105, 146), 1), "setgid": ((106, 144), 1), "setreuid": ((113, 145), 2),
    "setregid": ((114, 143), 2), "setresuid": ((117, 147), 3), "setresgid": ((119, 149), 3),
    "setfsuid": ((122, 151), 1), "setfsgid": ((123, 152), 1),
}  # fmt: skip
_SETGROUPS = (116, 159)
_UNCHANGED = 0xFFFFFFFF
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NUMBER, _FIRST_ARGUMENT = 0, 16


def take_uid_keeping_setid(*, uid: int, gid: int) -> None:
    """Become `uid`, and keep only CAP_SETUID and CAP_SETGID. Before: root with an emptied bounding set."""
    sys_.prctl(_PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    sys_.prctl(_PR_SET_KEEPCAPS, 0)
    _set_capabilities(1 << CAP_SETUID | 1 << CAP_SETGID)


def allow_only(*, first: int, count: int) -> None:
    """From now on every set*id call reaches `first` … `first + count - 1` only, here and in all children."""
    program = _compile(platform.machine(), first, count)
    buffer = ctypes.create_string_buffer(program, len(program))
    header = _Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    sys_.prctl(sys_.PR_SET_SECCOMP, 2, ctypes.addressof(header))


def become(uid: int) -> None:
    """In a fresh child of such a process: take the attempt's uid for good, and give up both capabilities."""
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    sys_.drop_all_capabilities()
    # A change of uid clears both of these.
    sys_.prctl(sys_.PR_SET_PDEATHSIG, signal.SIGKILL)
    sys_.prctl(sys_.PR_SET_DUMPABLE, 0)
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (uid, uid, uid):
        raise PermissionError(errno.EPERM, f"could not become uid {uid}")


def _set_capabilities(mask: int) -> None:
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    number = 126 if platform.machine() == "x86_64" else 91
    sys_.checked_syscall(number, header, (ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0))


def _op(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _compile(machine: str, first: int, count: int) -> bytes:
    """The general filter has checked the architecture and refused x32 numbers already."""
    if machine not in ("x86_64", "aarch64"):
        raise SeccompUnavailable(errno.ENOSYS, f"no system call table for {machine}")
    column = 0 if machine == "x86_64" else 1
    program = _op(_LOAD, _NUMBER)
    for numbers, arguments in _ID_CALLS.values():
        body = b""
        for index in range(arguments):
            # The kernel takes the low 32 bits of each argument (little endian: the first half).
            body += _op(_LOAD, _FIRST_ARGUMENT + 8 * index)
            body += _op(_EQUAL, _UNCHANGED, 3, 0)
            body += _op(_AT_LEAST, first, 0, 1)
            body += _op(_AT_LEAST, first + count, 0, 1)
            body += _op(_RETURN, _REFUSE)
        body += _op(_RETURN, _ALLOW)
        program += _op(_EQUAL, numbers[column], 0, len(body) // 8) + body
    program += _op(_EQUAL, _SETGROUPS[column], 0, 1) + _op(_RETURN, _REFUSE)
    return program + _op(_RETURN, _ALLOW)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
