"""How well this machine can jail, found out by attacking a jail and not by reading settings.

The agent calls ``probe`` at start, before it has threads, reports the level, and the control plane places a
tenant only where the level is at least the required one. Levels:

* **L3**: root's jail (own uid, own root, all namespaces) and every probe stopped;
* **L2**: the same without root (user namespaces, one uid for all attempts) and every probe stopped: for one
  tenant per machine;
* **L1**: anything else. Attempts are told apart by little more than good manners.

A shared kernel is not a virtual machine: a kernel bug still defeats L3.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from aerodrome_runtime.jail import probes
from aerodrome_runtime.jail.cgroups import Cgroup
from aerodrome_runtime.jail.fork import fork_jailed, wait_jailed
from aerodrome_runtime.jail.refusal import JailRefused
from aerodrome_runtime.jail.spec import Isolation, JailSpec

SpecFor = Callable[[Isolation, str], JailSpec]
"""(isolation, home on the host) -> the spec that attempts on this machine would get."""

_BOMB_BYTES = 64 * 1024**2
_BOMB_PROCESSES = 32
_WEAKER = {
    "read_parent_environment": "a task can read the environment of the agent's processes",
    "read_parent_memory": "a task can read the memory of the agent's processes, tokens included",
    "signal_parent": "a task can signal, and so end, the agent's processes",
    "see_other_processes": "a task sees the machine's other processes and their command lines",
    "connect_tcp": "a task can connect to services on this machine's loopback (database, Redis)",
    "connect_abstract": "a task can connect to abstract Unix sockets of other processes",
    "connect_path": "a task can connect to Unix sockets on the file system (Postgres)",
    "read_neighbour": "a task can read what other tasks and users left readable",
    "write_outside": "a task can write outside its home where the machine lets everybody write",
    "use_inherited_descriptor": "a task inherits open files and connections of its zygote",
    "read_own_environment": "a task sees environment variables it was not given",
    "make_user_namespace": "a task can make user namespaces, a common door of kernel exploits",
    "make_io_uring": "a task can use io_uring, a common door of kernel exploits",
    "fork_bomb": "a task can start processes without bound",
    "memory_bomb": "a task can allocate memory without bound",
}


@dataclass(frozen=True)
class Probe:
    """One attack's outcome. ``detail`` says what stopped it, or what it reached."""

    name: str
    blocked: bool
    detail: str


@dataclass(frozen=True)
class Level:
    """What the probes found.

    ``missing`` names layers that are absent though no probe needs them; ``refused`` says why a stronger
    isolation could not be entered.
    """

    name: str
    isolation: Isolation
    probes: tuple[Probe, ...]
    missing: tuple[str, ...]
    refused: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For reports and JSON."""
        return asdict(self)


class ProbeFailed(RuntimeError):
    """The probes themselves could not be run; nothing is known about this machine's level."""


def probe(spec_for: SpecFor) -> Level:
    """Find the strongest isolation this machine allows, attack it, and say what held.

    Forks, so call it before starting threads. Takes some hundred milliseconds and up to 128 MiB of memory
    for a moment. Raises ProbeFailed.
    """
    read_end, write_end = os.pipe()
    helper = os.fork()
    if helper == 0:  # a process of its own: entering a user namespace cannot be undone
        code = 1
        try:
            os.close(read_end)
            with os.fdopen(write_end, "w") as answer:
                json.dump(_probe_here(spec_for).to_dict(), answer)
            code = 0
        finally:
            os._exit(code)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        text = answer.read()
    os.waitpid(helper, 0)
    if not text:
        raise ProbeFailed("the probing process died without an answer")
    raw = json.loads(text)
    return Level(
        raw["name"], raw["isolation"], tuple(Probe(**found) for found in raw["probes"]),
        tuple(raw["missing"]), tuple(raw["refused"]),
    )  # fmt: skip


def describe(level: Level) -> str:
    """For people: the level, and one line for everything that is weaker than the best."""
    heading = {
        "L3": "Isolation level L3: every attempt has its own uid, root folder, network and processes.",
        "L2": "Isolation level L2: namespaces without root. All attempts share one uid and what this user "
        "may do; run one tenant per machine.",
        "L1": "Isolation level L1: tasks are NOT isolated from each other or from this agent. Run only code "
        "you trust as much as the agent.",
    }[level.name]
    lines = [f"- {_WEAKER[found.name]} ({found.detail})" for found in level.probes if not found.blocked]
    lines += [f"- absent: {layer}" for layer in level.missing]
    lines += [f"- stronger isolation was refused: {reason}" for reason in level.refused]
    return "\n".join([heading, *lines])


def _probe_here(spec_for: SpecFor) -> Level:
    refused: list[str] = []
    isolation: Isolation = "none"
    candidates: tuple[Isolation, ...] = ("full", "rootless") if os.geteuid() == 0 else ("rootless",)
    if os.geteuid() != 0:
        refused.append("full: the agent does not run as root")
    for candidate in candidates:
        reason = _try(spec_for, candidate)
        if reason is None:
            isolation = candidate
            break
        refused.append(f"{candidate}: {reason}")
    results = tuple(_attack(spec_for, isolation))
    held = all(found.blocked for found in results)
    name = {"full": "L3", "rootless": "L2", "none": "L1"}[isolation] if held else "L1"
    return Level(name, isolation, results, tuple(_missing(spec_for, isolation)), tuple(refused))


def _try(spec_for: SpecFor, isolation: Isolation) -> str | None:
    """Enter an empty-handed jail; why it was refused, or None."""
    with _home() as home:
        try:
            answer = _run(spec_for(isolation, home), lambda: (True, "entered"))
        except (JailRefused, OSError) as refusal:
            return str(refusal)
    return None if answer == (True, "entered") else answer[1]


def _attack(spec_for: SpecFor, isolation: Isolation) -> Iterator[Probe]:
    with lay_out_targets() as targets, _home() as home:
        for attack in probes.ATTACKS:
            spec = spec_for(isolation, home)
            small = replace(spec.limits, processes=_BOMB_PROCESSES, memory_bytes=_BOMB_BYTES)
            spec = replace(spec, limits=small, cgroups=())
            aimed = replace(targets, environment=frozenset(spec.environment))
            blocked, detail = _run(spec, partial(probes.attempt, attack, aimed))
            yield Probe(attack.__name__, blocked, detail)


def _missing(spec_for: SpecFor, isolation: Isolation) -> Iterator[str]:
    """Layers of the full design that no attack above depends on."""
    with _home() as home:
        spec = spec_for(isolation, home)
        if not spec.seccomp:
            yield "seccomp (the filter of system calls is switched off)"
        yield "landlock (not built yet; namespaces do its work here)"
        if isolation == "none" or spec.network == "host":
            yield "a network of one's own"
        group = Cgroup.create(name=f"aerodrome-probe-{os.getpid()}", memory_bytes=_BOMB_BYTES, processes=64)
        if group is None:
            yield "cgroup (no group could be made; memory and processes are bounded per process and uid only)"
            return
        try:
            for bound in sorted({"memory", "processes"} - group.bounds):
                yield f"cgroup bound on {bound}"
            if "memory" in group.bounds:
                spec = replace(spec, cgroups=group.folders)
                with lay_out_targets() as targets:
                    _run(spec, partial(probes.attempt, probes.memory_bomb, targets))
                if group.memory_events() == 0:
                    yield "cgroup bound on memory (it was set, but a memory bomb was not killed by it)"
        finally:
            group.kill()
            group.remove()


def _run(spec: JailSpec, body: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """Run ``body`` jailed and return its answer; a death by signal counts as stopped."""
    read_end, write_end = os.pipe()

    def tell(answer: tuple[bool, str]) -> None:
        os.write(write_end, json.dumps(answer).encode())

    def child_main() -> int:
        tell(body())
        return 0

    try:
        pid = fork_jailed(
            spec=spec, child_main=child_main, keep_fds=(write_end,),
            on_refused=lambda refusal: tell((False, str(refusal))),
        )  # fmt: skip
        os.close(write_end)
        write_end = -1
        answer = os.read(read_end, 65536)
        _, status = wait_jailed(pid)
    finally:
        os.close(read_end)
        if write_end >= 0:
            os.close(write_end)
    if answer:
        blocked, detail = json.loads(answer)
        return blocked, detail
    if os.WIFSIGNALED(status):
        return True, f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return False, f"ended without an answer, status {status}"


@contextmanager
def _home() -> Iterator[str]:
    home = tempfile.mkdtemp(prefix="aerodrome-probe-home-")
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def lay_out_targets() -> Iterator[probes.Targets]:
    """Lay out, in this process, everything the probes aim at, as open to all as it could be."""
    folder = tempfile.mkdtemp(prefix="aerodrome-probe-")
    name = f"aerodrome-probe-{os.getpid()}"
    tcp, abstract, path = (socket.socket(kind) for kind in (socket.AF_INET, socket.AF_UNIX, socket.AF_UNIX))
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.chmod(folder, 0o755)
        tcp.bind(("127.0.0.1", 0))
        abstract.bind("\0" + name)
        path.bind(f"{folder}/.s.PGSQL.5432")
        os.chmod(f"{folder}/.s.PGSQL.5432", 0o777)
        for listener in (tcp, abstract, path):
            listener.listen(8)
        with open(f"{folder}/neighbour", "w") as file:
            file.write("theirs")
        os.chmod(f"{folder}/neighbour", 0o644)
        os.mkdir(f"{folder}/open")
        os.chmod(f"{folder}/open", 0o777)
        yield probes.Targets(
            parent_pid=os.getpid(), tcp_port=tcp.getsockname()[1], abstract_name=name,
            socket_path=f"{folder}/.s.PGSQL.5432", neighbour_file=f"{folder}/neighbour",
            open_folder=f"{folder}/open", descriptor=descriptor, environment=frozenset(),
            process_limit=_BOMB_PROCESSES, memory_bytes=_BOMB_BYTES,
        )  # fmt: skip
    finally:
        for listener in (tcp, abstract, path):
            listener.close()
        os.close(descriptor)
        shutil.rmtree(folder, ignore_errors=True)
