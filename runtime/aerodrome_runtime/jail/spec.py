"""What a jail is made of, as data: written by the agent, carried as JSON, obeyed by ``enter``.

A ``JailSpec`` names everything the attempt may see and use. What is not named is absent: the new root
starts empty, the environment starts empty, the network starts with no interface but a private loopback.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Isolation = Literal["full", "rootless", "none"]
Network = Literal["none", "host"]

HOME_INSIDE = "/home/task"


class JailSpecInvalid(ValueError):
    """A spec contradicts itself. The message says which field, and what it should be."""


@dataclass(frozen=True)
class Bind:
    """One read-only path: ``source`` on the host (absolute, links resolved) seen at ``target`` inside."""

    source: str
    target: str


@dataclass(frozen=True)
class Limits:
    """Ceilings of one attempt.

    ``memory_bytes`` counts what the attempt adds to what it inherited from its zygote. ``scratch_bytes``
    bounds /tmp, /run, /var/tmp and /dev/shm together; they live in memory. ``cpu_seconds`` is processor
    time, not wall time, of each process.
    """

    processes: int = 256
    memory_bytes: int = 2 * 1024**3
    open_files: int = 4096
    file_size_bytes: int = 2 * 1024**3
    cpu_seconds: int | None = None
    scratch_bytes: int = 256 * 1024**2


@dataclass(frozen=True)
class JailSpec:
    """Everything ``enter`` needs to know.

    ``isolation`` says which means are used and is never weakened silently: ``full`` needs root,
    ``rootless`` needs user namespaces, ``none`` keeps only environment, limits and no-new-privileges.
    ``uid``/``gid`` are the leased identity under ``full`` and must be None otherwise. ``home`` is a host
    folder made for this attempt alone. ``cgroups`` are folders (see ``cgroups.Cgroup.folders``) that the
    attempt joins before anything else.
    """

    isolation: Isolation
    home: str
    uid: int | None = None
    gid: int | None = None
    read_only: tuple[Bind, ...] = ()
    links: tuple[Bind, ...] = ()
    network: Network = "none"
    limits: Limits = field(default_factory=Limits)
    environment: Mapping[str, str] = field(default_factory=dict)
    hostname: str = "task"
    cgroups: tuple[str, ...] = ()
    seccomp: bool = True

    def __post_init__(self) -> None:
        if self.isolation not in ("full", "rootless", "none"):
            raise JailSpecInvalid(f"isolation is {self.isolation!r}; use full, rootless or none")
        if self.network not in ("none", "host"):
            raise JailSpecInvalid(f"network is {self.network!r}; use none or host")
        if self.isolation == "full":
            if not self.uid or not self.gid:
                raise JailSpecInvalid("full isolation needs a leased uid and gid, neither of them 0")
        elif self.uid is not None or self.gid is not None:
            raise JailSpecInvalid(f"isolation {self.isolation} cannot change the uid; leave uid and gid out")
        for path in (self.home, *(p for b in self.read_only for p in (b.source, b.target))):
            if not path.startswith("/") or "/../" in path + "/":
                raise JailSpecInvalid(f"path {path!r} must be absolute and must not climb with ..")

    @property
    def home_inside(self) -> str:
        """Where the attempt finds its home: a fixed path when it has its own root, else the host's path."""
        return self.home if self.isolation == "none" else HOME_INSIDE

    def to_json(self) -> str:
        """This spec as JSON text; ``from_json`` gives an equal spec back."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> JailSpec:
        """Read what ``to_json`` wrote. Raises JailSpecInvalid for anything else."""
        try:
            raw: dict[str, Any] = json.loads(text)
            raw["read_only"] = tuple(Bind(**bind) for bind in raw.get("read_only", ()))
            raw["links"] = tuple(Bind(**bind) for bind in raw.get("links", ()))
            raw["limits"] = Limits(**raw.get("limits", {}))
            raw["cgroups"] = tuple(raw.get("cgroups", ()))
            return cls(**raw)
        except (TypeError, AttributeError, json.JSONDecodeError) as error:
            raise JailSpecInvalid(f"not a jail spec: {error}") from error
