"""The few kernel calls the jail needs and Python 3.11 does not offer, through ctypes.

Each wrapper raises OSError with the kernel's errno. Numbers are those of Linux's x86_64 and generic
(aarch64, riscv64) tables; see the kernel's ``include/uapi/asm-generic/unistd.h``.
"""

from __future__ import annotations

import ctypes
import os
import platform
from typing import Any

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x08000000, 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
AT_FDCWD, AT_RECURSIVE = -100, 0x8000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 38, 47

_X86 = platform.machine() == "x86_64"
_PIVOT_ROOT = 155 if _X86 else 41
_KEYCTL = 250 if _X86 else 219
_CAPSET = 126 if _X86 else 91
_MOUNT_SETATTR = 442

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.unshare.argtypes = (ctypes.c_int,)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.sethostname.argtypes = (ctypes.c_char_p, ctypes.c_size_t)
_libc.prctl.argtypes = (ctypes.c_int, *(ctypes.c_ulong,) * 4)
_libc.syscall.restype = ctypes.c_long


def _checked(result: int, call: str) -> int:
    if result < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{call}: {os.strerror(errno)}")
    return result


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, flags: int) -> None:
    _checked(_libc.setns(fd, flags), "setns")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    _checked(
        _libc.mount(
            source.encode(), target.encode(), kind.encode() if kind else None, flags,
            data.encode() if data else None,
        ),
        f"mount {target}",
    )  # fmt: skip


def unmount(target: str) -> None:
    """Detach ``target`` with everything below it; users of it keep it until they let go."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    _checked(_libc.syscall(_PIVOT_ROOT, new.encode(), old.encode()), "pivot_root")


class _MountAttr(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns_fd")]


def restrict_mount(target: str, attributes: int) -> None:
    """Add attributes to a mount and all below it (mount_setattr, Linux 5.12)."""
    attr = _MountAttr(attributes, 0, 0, 0)
    _checked(
        _libc.syscall(
            _MOUNT_SETATTR, AT_FDCWD, target.encode(), AT_RECURSIVE, ctypes.byref(attr),
            ctypes.c_size_t(ctypes.sizeof(attr)),
        ),
        f"mount_setattr {target}",
    )  # fmt: skip


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    return _checked(_libc.prctl(option, value, third, 0, 0), f"prctl {option}")


def sethostname(name: str) -> None:
    _checked(_libc.sethostname(name.encode(), len(name.encode())), "sethostname")


def join_new_session_keyring() -> None:
    """Leave the inherited session keyring, in which another's keys may lie."""
    _checked(_libc.syscall(_KEYCTL, 1, None), "keyctl")


def drop_all_capabilities() -> None:
    """Empty the permitted, effective and inheritable sets, above all those of a user namespace's creator."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _checked(_libc.syscall(_CAPSET, header, (ctypes.c_uint32 * 6)()), "capset")


def checked_syscall(number: int, *arguments: Any) -> int:
    return _checked(_libc.syscall(number, *arguments), f"system call {number}")


def zero_memory(start: int, length: int) -> None:
    ctypes.memset(start, 0, length)
