"""The last step of the jail: system calls that no task needs are refused by the kernel (seccomp-BPF).

A deny list, not an allow list: tenant code is arbitrary Python with arbitrary wheels. Refused are the calls
that build namespaces and mounts, look into other processes, load code into the kernel, set clocks, or have
been the door of kernel exploits without being needed (io_uring, userfaultfd, bpf, perf, keyrings). Socket
families are an allow list, because some (vsock) do not respect network namespaces at all.

Needs no-new-privileges. Cannot be undone, and is inherited by everything the task starts.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct

from aerodrome_runtime.jail.syscalls import PR_SET_SECCOMP, prctl

# name: (x86_64, aarch64); None where the table has no such call
_DENIED: dict[str, tuple[int | None, int | None]] = {
    "ptrace": (101, 117), "syslog": (103, 116), "vhangup": (153, 58), "pivot_root": (155, 41),
    "adjtimex": (159, 171), "chroot": (161, 51), "acct": (163, 89), "settimeofday": (164, 170),
    "mount": (165, 40), "umount2": (166, 39), "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "iopl": (172, None),
    "ioperm": (173, None), "modify_ldt": (154, None), "init_module": (175, 105),
    "delete_module": (176, 106), "quotactl": (179, 60), "clock_settime": (227, 112),
    "kexec_load": (246, 104), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "migrate_pages": (256, 238), "unshare": (272, 97), "move_pages": (279, 239),
    "perf_event_open": (298, 241), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "clock_adjtime": (305, 266), "setns": (308, 268), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "kcmp": (312, 272), "finit_module": (313, 273),
    "kexec_file_load": (320, 294), "bpf": (321, 280), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440), "mount_setattr": (442, 442), "quotactl_fd": (443, 443),
    "memfd_secret": (447, 447),
}  # fmt: skip
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE, _SOCKET, _SOCKETPAIR, _IOCTL = (56, 220), (41, 198), (53, 199), (16, 29)
_CLONE3 = 435
_FAMILIES = (1, 2, 10, 16)  # unix, inet, inet6, netlink (getaddrinfo asks it for the addresses)
_TERMINAL_INJECTION = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_NEW_NAMESPACE = 0x7E020000  # every CLONE_NEW* that clone takes (bit 0x80, time, is clone3 and unshare only)
_X32 = 0x40000000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCH, _ARG0, _ARG1 = 0, 4, 16, 24


class SeccompUnavailable(OSError):
    """No filter can be written for this machine's architecture."""


def _op(code: int, k: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, jump_true, jump_false, k)


def _refuse_if(number: int, error: int) -> bytes:
    return _op(_JUMP_EQUAL, number, 0, 1) + _op(_RETURN, _ERRNO | error)


def _inspect(number: int, argument: int, body: bytes) -> bytes:
    """If the call is ``number``, load an argument and run ``body``, which must end by returning."""
    inner = _op(_LOAD, argument) + body
    return _op(_JUMP_EQUAL, number, 0, len(inner) // 8) + inner


def _compile(machine: str) -> bytes:
    column = 0 if machine == "x86_64" else 1
    allow = _op(_RETURN, _ALLOW)
    program = _op(_LOAD, _ARCH) + _op(_JUMP_EQUAL, _ARCHITECTURES[machine], 1, 0) + _op(_RETURN, _KILL)
    program += _op(_LOAD, _NUMBER)
    if machine == "x86_64":
        program += _op(_JUMP_AT_LEAST, _X32, 0, 1) + _op(_RETURN, _KILL)
    # clone3 hides its flags behind a pointer, where a filter cannot look: libc falls back to clone
    program += _refuse_if(_CLONE3, errno.ENOSYS)
    program += _inspect(
        _CLONE[column], _ARG0,
        _op(_JUMP_ANY_BIT, _NEW_NAMESPACE, 0, 1) + _op(_RETURN, _ERRNO | errno.EPERM) + allow,
    )  # fmt: skip
    families = b"".join(_op(_JUMP_EQUAL, family, 0, 1) + allow for family in _FAMILIES)
    for call in (_SOCKET, _SOCKETPAIR):
        program += _inspect(call[column], _ARG0, families + _op(_RETURN, _ERRNO | errno.EAFNOSUPPORT))
    injections = b"".join(_refuse_if(request, errno.EPERM) for request in _TERMINAL_INJECTION)
    program += _inspect(_IOCTL[column], _ARG1, injections + allow)
    for numbers in _DENIED.values():
        number = numbers[column]
        if number is not None:
            program += _refuse_if(number, errno.EPERM)
    return program + allow


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


# Compiled once in the zygote, so that a spare only hands the bytes to the kernel.
_COMPILED = _compile(platform.machine()) if platform.machine() in _ARCHITECTURES else None


def install() -> None:
    """Refuse the denied calls from now on. Raises OSError; SeccompUnavailable for an unknown machine."""
    if _COMPILED is None:
        raise SeccompUnavailable(errno.ENOSYS, f"no system call table for {platform.machine()}")
    buffer = ctypes.create_string_buffer(_COMPILED, len(_COMPILED))
    program = _Program(len(_COMPILED) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    prctl(PR_SET_SECCOMP, 2, ctypes.addressof(program))
