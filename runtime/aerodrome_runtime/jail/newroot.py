"""A root of its own for one attempt: a small tmpfs that holds only what the spec names.

``build`` is called by ``enter`` in a fresh mount namespace, with the right to mount. Afterwards ``/`` is
the new root, the old one is gone from the namespace, and the working directory is ``/``. Everything
bound from the host is read-only, except home. What can be written is home (on the host's disk) and /tmp,
/var/tmp, /run and /dev/shm, which share the tmpfs and its size.

The tmpfs covers the host's /tmp only until the pivot, one call later; sources are then read below /old,
so a path under /tmp can be bound like any other.
"""

from __future__ import annotations

import os
import stat

from aerodrome_runtime.jail import syscalls as sys_
from aerodrome_runtime.jail.refusal import step
from aerodrome_runtime.jail.spec import HOME_INSIDE, JailSpec

_MOUNT_POINT = "/tmp"
_OLD = "/old"
_OPEN_TO_ALL = ("/tmp", "/var/tmp", "/run", "/dev/shm")
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}
_DEVICE_LINKS = {
    "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}  # fmt: skip
_GUARDED_RESOLVER = "nameserver 127.0.0.1\noptions edns0 timeout:3 attempts:2\n"
_HOST_FILES_FOR_NETWORK = ("/etc/resolv.conf", "/etc/hosts")


def build(*, spec: JailSpec, uid: int, gid: int) -> None:
    """Make the new root and move into it. ``uid`` and ``gid`` are the ones the attempt will have.

    Raises JailRefused naming the step.
    """
    with step("make mounts private"):
        sys_.mount("none", "/", None, sys_.MS_REC | sys_.MS_PRIVATE)
    with step("mount a root of its own"):
        size = f"mode=755,size={spec.limits.scratch_bytes},nr_inodes=65536"
        sys_.mount("tmpfs", _MOUNT_POINT, "tmpfs", sys_.MS_NOSUID, size)
        os.mkdir(_MOUNT_POINT + _OLD, 0o700)
        sys_.pivot_root(_MOUNT_POINT, _MOUNT_POINT + _OLD)
        os.chdir("/")
    _make_folders(spec)
    for bind in spec.read_only:
        with step(f"show {bind.target}"):
            _bind(_OLD + bind.source, bind.target, read_only=True)
    with step("make /dev"):
        _make_devices()
    with step("write /etc"):
        _write_etc(spec, uid=uid, gid=gid)
    with step("mount home"):
        _bind(_OLD + spec.home, HOME_INSIDE, read_only=False)
        os.chown(HOME_INSIDE, uid, gid)
        os.chmod(HOME_INSIDE, 0o700)
    with step("mount /proc"):
        # hidepid: pid 1 belongs to the host's side of the jail and is nobody's business inside
        flags = sys_.MS_NOSUID | sys_.MS_NODEV | sys_.MS_NOEXEC
        sys_.mount("proc", "/proc", "proc", flags, "hidepid=2")
    with step("leave the old root"):
        sys_.unmount(_OLD)
        os.rmdir(_OLD)


def _make_folders(spec: JailSpec) -> None:
    with step("make folders"):
        for folder in ("/proc", "/etc", "/dev", HOME_INSIDE):
            os.makedirs(folder, 0o755)
        for folder in _OPEN_TO_ALL:
            os.makedirs(folder, exist_ok=True)
            os.chmod(folder, 0o1777)
        for link in spec.links:
            os.symlink(link.source, link.target)


def _bind(source: str, target: str, *, read_only: bool) -> None:
    """Show ``source`` at ``target``; folders on the way are new, root's and 0755, whatever the host's are."""
    if not os.path.lexists(target):
        if stat.S_ISDIR(os.stat(source).st_mode):
            os.makedirs(target, 0o755, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    sys_.mount(source, target, None, sys_.MS_BIND | sys_.MS_REC)
    attributes = sys_.MOUNT_ATTR_NOSUID | sys_.MOUNT_ATTR_NODEV
    sys_.restrict_mount(target, attributes | (sys_.MOUNT_ATTR_RDONLY if read_only else 0))


def _make_devices() -> None:
    for name, (major, minor) in _DEVICES.items():
        path = f"/dev/{name}"
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            os.chmod(path, 0o666)
        except PermissionError:  # rootless, or a container without CAP_MKNOD: borrow the host's
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o666))
            sys_.mount(_OLD + path, path, None, sys_.MS_BIND)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"/dev/{name}")


def _write_etc(spec: JailSpec, *, uid: int, gid: int) -> None:
    files = {
        "passwd": "root:x:0:0:root:/:/usr/sbin/nologin\n"
        f"task:x:{uid}:{gid}:task:{HOME_INSIDE}:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
        "group": f"root:x:0:\ntask:x:{gid}:\nnogroup:x:65534:\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
        "hostname": f"{spec.hostname}\n",
        "hosts": f"127.0.0.1 localhost {spec.hostname}\n::1 localhost\n",
        "resolv.conf": _GUARDED_RESOLVER if spec.network == "guarded" else "",
    }
    if uid == 0:  # rootless below a container's root: the one uid there is
        files["passwd"] = f"task:x:0:{gid}:task:{HOME_INSIDE}:/bin/sh\n"
    for name, text in files.items():
        _write(f"/etc/{name}", text.encode())
    copied = ["/etc/localtime", *(_HOST_FILES_FOR_NETWORK if spec.network == "host" else ())]
    for path in copied:
        content = _read_on_host(path)
        if content is not None:
            _write(path, content)


def _read_on_host(path: str) -> bytes | None:
    """A small file of the host's, following a link there as the host would. None when there is none."""
    source = _OLD + path
    for _ in range(4):
        if not os.path.islink(source):
            break
        link = os.readlink(source)
        source = _OLD + os.path.normpath(os.path.join(os.path.dirname(source[len(_OLD) :]), link))
    try:
        with open(source, "rb") as file:
            return file.read(65536)
    except OSError:
        return None


def _write(path: str, content: bytes) -> None:
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    try:
        os.write(fd, content)
    finally:
        os.close(fd)
