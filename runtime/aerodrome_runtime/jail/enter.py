"""Into the jail: the steps one forked child takes before it touches anything of a tenant's.

Called by ``fork.fork_jailed`` in the child. Before: the child is single-threaded and its parent has put it
into a pid namespace of its own (``full`` and ``rootless``). After: what ``spec`` names is all there is, and
there is no way back, because privileges are gone and new ones cannot be gained. If a step is refused, the
child must end; it is then somewhere between two worlds and must run nothing.

The order matters: descriptors first, so that a sibling's keeper pipe is never held here; control groups
before anything is allocated; mounts while still privileged; the environment and limits before the uid
changes; seccomp last, because it forbids several of the steps before it. A Landlock step would stand
between no-new-privileges and seccomp; ``level`` lists it as missing.

Memory is bounded by RLIMIT_DATA, not RLIMIT_AS: libraries reserve far more address space than they use
(allocator arenas, the JVM, numpy), and reservations count for AS but not for DATA. DATA does not count shared
memory; files of it live in the jail's tmpfs, which has a size. Where a control group bounds memory the limit
is loosened, because the group's answer is the exact one.
"""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress

from aerodrome_runtime.jail import newroot, seccomp
from aerodrome_runtime.jail import syscalls as sys_
from aerodrome_runtime.jail.lending import allow_only, take_uid_keeping_setid
from aerodrome_runtime.jail.refusal import JailRefused, step
from aerodrome_runtime.jail.spec import JailSpec

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_LAST_CAPABILITY = 63
_DATA_SLACK_UNDER_CGROUP = 4
_NO_CORE = 1  # not 0: a core_pattern that pipes to a program ignores every other limit (Linux fs/coredump.c)
_OOM_SCORE = 600  # when the whole machine runs out, an attempt goes before anything of ours


def enter(spec: JailSpec, keep_fds: Iterable[int] = ()) -> None:
    """Take every step of the jail. Raises JailRefused; after that the caller must only report and exit.

    ``keep_fds`` stay open; all others are closed, and 0, 1, 2 lead to /dev/null unless kept.
    """
    private_root = spec.isolation != "none"
    uid, gid = spec.uid or os.getuid(), spec.gid or os.getgid()
    with step("close descriptors"):
        _close_all_but(set(keep_fds))
    with step("lead a session"):
        if os.getsid(0) != os.getpid():
            os.setsid()
    grouped = any(map(_bounds_memory, spec.cgroups))
    for folder in spec.cgroups:
        with step(f"join control group {folder}"):
            _write(f"{folder}/cgroup.procs", "0")
    with step("reset signals, umask and keyring"):
        _reset_inherited()
    if private_root:
        with step("leave the host's namespaces"):
            sys_.unshare(_namespaces(spec))
        newroot.build(spec=spec, uid=uid, gid=gid)
        with step("name the host"):
            sys_.sethostname(spec.hostname)
        if spec.network != "host":
            with step("raise the loopback"):
                _raise_loopback()
        if spec.network == "guarded":
            with step("let the resolver's port be taken"):
                _write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "53")
    with step("go home"):
        if not private_root and spec.uid:
            os.chown(spec.home, uid, gid)
        os.chdir(spec.home_inside)
    with step("clear the environment"):
        _replace_environment(spec)
    with step("set limits"):
        _set_limits(spec, grouped=grouped)
    with step("drop privileges"):
        _drop_privileges(spec, uid=uid, gid=gid)
    with step("die with the parent, grow no privileges"):
        sys_.prctl(sys_.PR_SET_PDEATHSIG, signal.SIGKILL)
        sys_.prctl(sys_.PR_SET_DUMPABLE, 0)
        sys_.prctl(sys_.PR_SET_NO_NEW_PRIVS, 1)
    if spec.seccomp:
        with step("refuse dangerous system calls"):
            seccomp.install()
            if spec.lends_uids:
                allow_only(first=uid, count=spec.lends_uids)
    if os.getresuid() != (uid, uid, uid):
        raise JailRefused("check the uid", errno.EPERM)


def _namespaces(spec: JailSpec) -> int:
    flags = sys_.CLONE_NEWNS | sys_.CLONE_NEWIPC | sys_.CLONE_NEWUTS | sys_.CLONE_NEWCGROUP
    return flags | (sys_.CLONE_NEWNET if spec.network != "host" else 0)


def _close_all_but(keep: set[int]) -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for fd in {0, 1, 2} - keep:
        os.dup2(null, fd)
    start = 3
    for fd in sorted(fd for fd in keep if fd > 2):
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, 2**31 - 1)


def _reset_inherited() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(0o022)
    try:
        sys_.join_new_session_keyring()
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EPERM, errno.EDQUOT):  # no keyrings in many containers
            raise
    # A parent that dropped its uid without an exec may not write here; no wall depends on it.
    with suppress(PermissionError):
        _write("/proc/self/oom_score_adj", str(_OOM_SCORE))


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", request)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))


def _replace_environment(spec: JailSpec) -> None:
    """Replace the environment, and wipe the copy that the kernel shows as /proc/<pid>/environ.

    The interpreter keeps a third copy, ``posix.environ``, as it was at start.
    """
    import posix

    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b") ")[2].split()
    start, end = int(fields[47]), int(fields[48])  # env_start, env_end: fields 50 and 51 of proc(5)
    os.environ.clear()
    posix.environ.clear()
    if start and end > start:
        sys_.zero_memory(start, end - start)
    os.environ.update(spec.environment)


def _set_limits(spec: JailSpec, *, grouped: bool) -> None:
    limits = spec.limits
    with open("/proc/self/statm", "rb") as statm:
        inherited = int(statm.read().split()[5]) * resource.getpagesize()
    data = inherited + limits.memory_bytes * (_DATA_SLACK_UNDER_CGROUP if grouped else 1)
    shared_uid = spec.isolation == "none" and spec.uid is None
    processes = limits.processes + (_processes_of_mine() if shared_uid else 0)
    wanted = {
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_DATA: data,
        resource.RLIMIT_NOFILE: limits.open_files,
        resource.RLIMIT_FSIZE: limits.file_size_bytes,
        resource.RLIMIT_CORE: _NO_CORE,
    }
    if limits.cpu_seconds is not None:
        wanted[resource.RLIMIT_CPU] = limits.cpu_seconds
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        if hard != resource.RLIM_INFINITY and os.geteuid() != 0:
            value = min(value, hard)
        resource.setrlimit(which, (value, value))


def _bounds_memory(group: str) -> bool:
    return os.path.exists(f"{group}/memory.max") or os.path.exists(f"{group}/memory.limit_in_bytes")


def _processes_of_mine() -> int:
    """Threads of this uid: RLIMIT_NPROC counts them all when there is no uid or namespace of one's own."""
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.getuid():
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:  # ended while we counted
            continue
    return count


def _drop_privileges(spec: JailSpec, *, uid: int, gid: int) -> None:
    if spec.isolation == "none" and spec.uid is None:
        return
    if spec.isolation == "rootless":
        # Another user namespace below: pid 1, of the same uid but of the one above, is then out of reach
        # (ptrace and /proc/1/root ask for a capability over *its* namespace).
        sys_.unshare(sys_.CLONE_NEWUSER)
        map_to_itself(uid=uid, gid=gid)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            sys_.prctl(sys_.PR_CAPBSET_DROP, capability)
        except OSError as error:
            if error.errno != errno.EINVAL:  # past the kernel's last capability
                raise
            break
    if spec.lends_uids:
        take_uid_keeping_setid(uid=uid, gid=gid)
        return
    if spec.uid is not None:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    sys_.drop_all_capabilities()


def map_to_itself(*, uid: int, gid: int) -> None:
    """In a user namespace just made: keep the one uid and gid there are, under their own numbers."""
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
