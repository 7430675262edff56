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
Network = Literal["none", "host", "guarded"]
"""`guarded` is `none` with a resolver at 127.0.0.1, for a child whose connections the agent makes (`zygote.guard`)."""

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
    ``rootless`` needs user namespaces, ``none`` keeps only environment, limits, no-new-privileges, seccomp
    and, for a root that may not make namespaces, the uid. ``uid``/``gid`` are the leased identity: needed
    under ``full``, impossible under ``rootless``. ``home`` is a host
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
    lends_uids: int = 0
    """How many uids from ``uid`` on this process may give to children it forks (see ``lending``); 0: none."""

    def __post_init__(self) -> None:
        if self.isolation not in ("full", "rootless", "none"):
            raise JailSpecInvalid(f"isolation is {self.isolation!r}; use full, rootless or none")
        if self.network not in ("none", "host", "guarded"):
            raise JailSpecInvalid(f"network is {self.network!r}; use none, host or guarded")
        if self.network == "guarded" and self.isolation != "full":
            raise JailSpecInvalid("a guarded network needs full isolation: the agent looks into the attempt")
        if self.isolation == "full":
            if not self.uid or not self.gid:
                raise JailSpecInvalid("full isolation needs a leased uid and gid, neither of them 0")
        elif self.isolation == "rootless" and (self.uid, self.gid) != (None, None):
            raise JailSpecInvalid("rootless isolation cannot change the uid; leave uid and gid out")
        elif (self.uid is None) != (self.gid is None) or self.uid == 0 or self.gid == 0:
            raise JailSpecInvalid("give both uid and gid or neither, and never 0")
        if self.lends_uids and not (self.isolation == "full" and self.seccomp):
            raise JailSpecInvalid("only full isolation with seccomp can lend uids: a filter bounds which")
        for path in (self.home, *(p for b in self.read_only for p in (b.source, b.target))):
            if not path.startswith("/") or "/../" in path + "/":
                raise JailSpecInvalid(f"path {path!r} must be absolute and must not climb with ..")

    @property
    def home_inside(self) -> str:
        """Where the attempt finds its home: a fixed path when it has its own root, else the host's path."""
        return self.home if self.isolation == "none" else HOME_INSIDE

    def to_json(self) -> str:
        """This spec as JSON text; ``from_json`` gives an equal spec back."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> JailSpec:
        """Read what ``to_json`` wrote. Raises JailSpecInvalid for anything else."""
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise JailSpecInvalid(f"not a jail spec: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """This spec as what JSON can carry, for embedding in a larger message."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> JailSpec:
        """Read what ``to_dict`` gave, before or after a way through JSON. Raises JailSpecInvalid."""
        try:
            fields = dict(raw)
            fields["read_only"] = tuple(Bind(**bind) for bind in fields.get("read_only", ()))
            fields["links"] = tuple(Bind(**bind) for bind in fields.get("links", ()))
            fields["limits"] = Limits(**fields.get("limits", {}))
            fields["cgroups"] = tuple(fields.get("cgroups", ()))
            return cls(**fields)
        except (TypeError, ValueError, AttributeError) as error:
            raise JailSpecInvalid(f"not a jail spec: {error}") from error
