"""The usual jail of a tenant: which host paths a Python task needs to see, and nothing more.

Called by the agent (for another interpreter, described by ``Interpreter``) or by a zygote (for itself,
``Interpreter.current()``). The paths are resolved here, on the host, because inside the half-built root
an absolute link would lead astray.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aerodrome_runtime.jail.spec import HOME_INSIDE, Bind, Isolation, JailSpec, Limits, Network

SYSTEM_FOLDERS = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
SYSTEM_FILES = (
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/alternatives", "/etc/ld.so.cache",
    "/etc/mime.types", "/etc/services", "/etc/protocols",
)  # fmt: skip
# A bind of one of these would hand over sockets, secrets or other tenants' folders wholesale.
TOO_WIDE = frozenset(
    ("/", "/boot", "/dev", "/etc", "/home", "/mnt", "/opt", "/proc", "/root", "/run", "/srv", "/sys", "/tmp",
     "/var", "/var/lib", "/var/run")
)  # fmt: skip


class PathTooWide(ValueError):
    """A folder asked for is one that holds more than the attempt may see."""


@dataclass(frozen=True)
class Interpreter:
    """Where one Python lives. ``paths`` are absolute: prefixes, the executable, folders of modules."""

    executable: str
    paths: tuple[str, ...]

    @classmethod
    def current(cls) -> Interpreter:
        """The interpreter that runs this code, with every folder it imports from."""
        modules = [path for path in sys.path if os.path.isabs(path) and os.path.exists(path)]
        shown = [sys.prefix, sys.base_prefix, *_prefixes(sys.executable), *modules]
        return cls(sys.executable, tuple(dict.fromkeys(shown)))

    @classmethod
    def of(cls, executable: str) -> Interpreter:
        """Another interpreter, without running it: its prefixes, and its base's if it is a virtual one."""
        return cls(executable, tuple(dict.fromkeys(_prefixes(executable))))


def tenant_jail(
    *,
    isolation: Isolation,
    home: str,
    uid: int | None = None,
    bundle: str | None = None,
    interpreter: Interpreter | None = None,
    also_readable: Iterable[str] = (),
    network: Network = "none",
    limits: Limits | None = None,
    environment: Mapping[str, str] | None = None,
    hostname: str = "task",
    cgroups: tuple[str, ...] = (),
    seccomp: bool = True,
) -> JailSpec:
    """A spec with the system's folders, one interpreter, one bundle and one home.

    ``environment`` is added to PATH, HOME, LANG, TMPDIR and the like and wins over them. Raises PathTooWide
    when a path to show is one of ``TOO_WIDE``, FileNotFoundError when ``home`` or ``bundle`` is missing.
    Never pass a folder that holds Unix sockets: a read-only mount does not stop anybody connecting.
    """
    interpreter = interpreter or Interpreter.current()
    shown = [*interpreter.paths, *([bundle] if bundle else []), *also_readable]
    binds, links = _system()
    for path in shown:
        real = os.path.realpath(path, strict=True)
        for target in dict.fromkeys((path.rstrip("/") or "/", real)):
            if target in TOO_WIDE or real in TOO_WIDE:
                raise PathTooWide(f"{target} holds more than a task may see; name the folder inside it")
            binds.append(Bind(real, target))
    home = os.path.realpath(home, strict=True)
    inside = home if isolation == "none" else HOME_INSIDE
    defaults = {
        "PATH": f"{os.path.dirname(interpreter.executable)}:/usr/local/bin:/usr/bin:/bin",
        "HOME": inside, "USER": "task", "LOGNAME": "task", "SHELL": "/bin/sh", "LANG": "C.UTF-8",
        "TMPDIR": "/tmp" if isolation != "none" else home, "TZ": "UTC",
    }  # fmt: skip
    return JailSpec(
        isolation=isolation,
        home=home,
        uid=uid if isolation != "rootless" else None,
        gid=uid if isolation != "rootless" else None,
        read_only=_without_covered(binds),
        links=tuple(links),
        network=network,
        limits=limits or Limits(),
        environment={**defaults, **(environment or {})},
        hostname=hostname,
        cgroups=cgroups,
        seccomp=seccomp,
    )


def _system() -> tuple[list[Bind], list[Bind]]:
    """Binds of the system's folders; those that are links on the host (merged /usr) stay links inside."""
    binds, links = [], []
    for path in SYSTEM_FOLDERS:
        if os.path.islink(path):
            links.append(Bind(os.readlink(path), path))
        elif os.path.isdir(path):
            binds.append(Bind(path, path))
    binds += [Bind(os.path.realpath(path), path) for path in SYSTEM_FILES if os.path.exists(path)]
    return binds, links


def _without_covered(binds: list[Bind]) -> tuple[Bind, ...]:
    """Parents before children, without the binds that a wider one shows already at the same place."""
    kept: list[Bind] = []
    for bind in sorted(set(binds), key=lambda bind: (bind.target.count("/"), bind.target)):
        for wider in kept:
            inside = bind.target.startswith(wider.target + "/") or bind.target == wider.target
            if inside and bind.source == wider.source + bind.target[len(wider.target) :]:
                break
        else:
            kept.append(bind)
    return tuple(kept)


def _prefixes(executable: str) -> list[str]:
    """The folders above bin/ of every hop, and of the base that a virtual environment names."""
    prefixes = []
    for hop in _hops(executable):
        prefix = os.path.dirname(os.path.dirname(hop))
        if prefix == "/":  # /bin/python3 of a merged /usr: the system's folders are shown anyway
            continue
        prefixes.append(prefix)
        try:
            with open(os.path.join(prefix, "pyvenv.cfg"), encoding="utf-8") as config:
                settings = dict(line.split("=", 1) for line in config if "=" in line)
        except FileNotFoundError:
            continue
        base = {key.strip(): value.strip() for key, value in settings.items()}.get("home", "")
        if base and os.path.dirname(base) != "/":
            prefixes.append(os.path.dirname(base))
    return prefixes


def _hops(executable: str) -> Iterable[str]:
    """The executable and every link on the way to the real file."""
    seen: set[str] = set()
    while executable not in seen:
        seen.add(executable)
        yield executable
        if os.path.islink(executable):
            executable = os.path.normpath(os.path.join(os.path.dirname(executable), os.readlink(executable)))
    yield os.path.realpath(executable)
