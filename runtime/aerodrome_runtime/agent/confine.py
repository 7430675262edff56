"""Around one child: a leased uid, a home, a control group, a jail spec; and taking all of it away again.

The level is computed from probes at start (`jail.level`): as root with every probe stopped, each attempt gets
its own uid and namespaces; otherwise what is weaker is said in the register message and in the agent's log.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from aerodrome_runtime.agent.environments import task_environment
from aerodrome_runtime.agent.runtimes import Runtime
from aerodrome_runtime.agent.uidblocks import SIZE, UidBlock, UidBlocks
from aerodrome_runtime.jail.cgroups import Cgroup
from aerodrome_runtime.jail.cleanup import clean_up
from aerodrome_runtime.jail.level import Level, probe
from aerodrome_runtime.jail.spec import HOME_INSIDE, Isolation, JailSpec, Limits, Network
from aerodrome_runtime.jail.tenant import Interpreter, tenant_jail
from aerodrome_runtime.jail.uids import UidLeases
from taskwire.workload import Limits as Wanted

log = logging.getLogger("aerodrome.agent")
MEMORY_BYTES = 2 * 1024**3
PROCESSES = 256
SPARE_BYTES = 64 * 1024**2
"""What a waiting spare needs at most of its own, before it has a group of its own."""
OPEN_FILES = 4096
FILE_SIZE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Confined:
    """What one child got. `jail` is None for an attempt of a DAG zygote, which is in that one's jail."""

    jail: str | None
    environment: dict[str, str]
    home: Path
    memory_bytes: int
    uid: int | None
    cgroup: Cgroup | None


@dataclass(frozen=True)
class Nest:
    """The surroundings of a DAG zygote, in which its attempts have theirs."""

    confined: Confined
    block: UidBlock


def probe_level(*, directory: Path) -> Level:
    """How well this machine jails a Python task. Forks: call it before any thread or event loop exists."""
    leases = UidLeases(state_dir=str(directory / "uids")) if os.geteuid() == 0 else None
    uid = leases.lease() if leases is not None else None

    def spec_for(isolation: Isolation, home: str) -> JailSpec:
        return tenant_jail(isolation=isolation, home=home, uid=uid if isolation == "full" else None)

    try:
        return probe(spec_for)
    finally:
        if leases is not None and uid is not None:
            with suppress(RuntimeError):
                leases.release(uid)


class Confinement:
    """Makes and clears the surroundings of children. One event loop, no threads.

    A uid stays leased to this agent between attempts: the end of an attempt's pid namespace (and its empty
    control group) proves that no process of it is left, without a look at every process of the machine.
    """

    def __init__(self, *, directory: Path, site: Path, isolation: Isolation, network: Network) -> None:
        self._homes = directory / "homes"
        self._site = site
        self._isolation = isolation
        self._network = network
        self._numbers = itertools.count(1)
        self._leases = UidLeases(state_dir=str(directory / "uids")) if isolation == "full" else None
        self._blocks = UidBlocks(state_dir=directory / "uids") if isolation == "full" else None
        self._rested: deque[int] = deque()
        self._interpreters: dict[Path, Interpreter] = {}
        shutil.rmtree(self._homes, ignore_errors=True)
        self._homes.mkdir(parents=True, mode=0o711)
        _sweep_groups()

    def prepare(
        self, *, runtime: Runtime, bundle: Path | None, limits: Wanted, network: Network | None = None
    ) -> Confined:
        """Raises jail.uids.NoUidLeft, jail.tenant.PathTooWide or OSError."""
        home = self._home(f"h{next(self._numbers)}")
        memory = limits.memory_bytes or MEMORY_BYTES
        processes = limits.processes or PROCESSES
        uid = self._uid()
        cgroup = self._cgroup(home.name, memory, processes, limits.cpu_millis)
        spec = self._spec(
            runtime=runtime, bundle=bundle, limits=limits, home=home, uid=uid, cgroup=cgroup, network=network
        )
        return Confined(spec.to_json(), dict(spec.environment), home, memory, uid, cgroup)

    @property
    def guards(self) -> bool:
        """Whether a child's network can be guarded here."""
        return self._isolation == "full"

    @property
    def nests(self) -> bool:
        """Whether DAG zygotes can lend uids here."""
        return self._blocks is not None

    def nest(self, *, runtime: Runtime, bundle: Path, limits: Wanted, attempts: int) -> Nest:
        """For a DAG zygote with at most `attempts` children. Raises uidblocks.NoBlockLeft too."""
        assert self._blocks is not None
        block = self._blocks.lease()
        home = self._home(f"z{next(self._numbers)}")
        memory = limits.memory_bytes or MEMORY_BYTES
        # Spares are in the zygote's group until they have told that they are ready.
        cgroup = self._cgroup(home.name, memory + attempts * SPARE_BYTES, (limits.processes or PROCESSES) * 2)
        load = home / "load"
        load.mkdir(mode=0o700)
        os.chown(load, block.first, block.first)
        spec = self._spec(
            runtime=runtime,
            bundle=bundle,
            limits=limits,
            home=home,
            uid=block.first,
            cgroup=cgroup,
            network=None,
        )
        spec = replace(spec, lends_uids=SIZE)
        environment = task_environment(home=f"{HOME_INSIDE}/load", private_tmp=True)
        return Nest(Confined(spec.to_json(), environment, home, memory, block.first, cgroup), block)

    def own_nest(self, nest: Nest) -> None:
        """The jail gave the folder of homes to the zygote's uid; attempts' homes must not be its to rename."""
        os.chown(nest.confined.home, 0, 0)
        nest.confined.home.chmod(0o711)

    def lend(self, nest: Nest, limits: Wanted) -> Confined:
        """For one attempt of a DAG zygote: a uid of its block, a home in its folder, a group of its own."""
        name = f"a{next(self._numbers)}"
        home = nest.confined.home / name
        uid = nest.block.take()
        for folder in (home, home / "tmp"):
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, uid)
        memory = limits.memory_bytes or MEMORY_BYTES
        cgroup = self._cgroup(name, memory, limits.processes or PROCESSES, limits.cpu_millis)
        environment = task_environment(home=f"{HOME_INSIDE}/{name}", private_tmp=False)
        environment["TMPDIR"] = f"{HOME_INSIDE}/{name}/tmp"
        return Confined(None, environment, home, memory, uid, cgroup)

    def clear_nest(self, nest: Nest) -> None:
        """After the DAG zygote was reaped: its pid namespace, and so every attempt, has ended."""
        assert self._blocks is not None
        left = clean_up(home=str(nest.confined.home), uid=nest.confined.uid, cgroup=nest.confined.cgroup)
        if left.clean:
            self._blocks.release(nest.block)
        else:
            log.error("a DAG zygote left something behind: %s", left)

    def clear_lent(self, nest: Nest, confined: Confined) -> None:
        """After an attempt of a DAG zygote ended. Its zygote's word for it is not enough: kill what is left."""
        if confined.cgroup is not None:
            if confined.cgroup.pids() and not confined.cgroup.kill():
                log.error("processes %s outlive their attempt", confined.cgroup.pids())
            else:
                confined.cgroup.remove()
        shutil.rmtree(confined.home, ignore_errors=True)
        if confined.uid is not None:
            nest.block.give_back(confined.uid)

    def _home(self, name: str) -> Path:
        home = self._homes / name
        home.mkdir(mode=0o700)
        return home

    def _cgroup(self, name: str, memory: int, processes: int, cpu_millis: int | None = None) -> Cgroup | None:
        return Cgroup.create(
            name=f"aerodrome-{os.getpid()}-{name}",
            memory_bytes=memory,
            processes=processes,
            cpu_millis=cpu_millis,
        )

    def _spec(
        self,
        *,
        runtime: Runtime,
        bundle: Path | None,
        limits: Wanted,
        home: Path,
        uid: int | None,
        cgroup: Cgroup | None,
        network: Network | None,
    ) -> JailSpec:
        if uid is not None:
            os.chown(home, uid, uid)
        interpreter = self._interpreters.get(runtime.base)
        if interpreter is None:
            interpreter = self._interpreters[runtime.base] = Interpreter.of(str(runtime.base_python))
        inside = str(home) if self._isolation == "none" else HOME_INSIDE
        return tenant_jail(
            isolation=self._isolation,
            home=str(home),
            uid=uid,
            bundle=str(bundle) if bundle is not None else None,
            interpreter=interpreter,
            also_readable=(str(self._site), str(runtime.path)),
            network=network or self._network,
            limits=Limits(
                processes=limits.processes or PROCESSES,
                memory_bytes=limits.memory_bytes or MEMORY_BYTES,
                open_files=limits.open_files or OPEN_FILES,
                file_size_bytes=limits.file_size_bytes or FILE_SIZE_BYTES,
                cpu_seconds=limits.cpu_seconds,
            ),
            environment=task_environment(home=inside, private_tmp=self._isolation != "none"),
            cgroups=cgroup.folders if cgroup is not None else (),
        )

    def memory_killed(self, confined: Confined) -> bool:
        """Whether the kernel killed something in this attempt for its memory."""
        return confined.cgroup is not None and confined.cgroup.memory_events() > 0

    def clear(self, confined: Confined, *, orderly: bool) -> None:
        """After the child was reaped. `orderly`: by its zygote, which ended its namespaces too."""
        if not orderly or (confined.cgroup is not None and confined.cgroup.pids()):
            left = clean_up(
                home=str(confined.home), uid=confined.uid, leases=self._leases, cgroup=confined.cgroup
            )
            if not left.clean:
                log.error("an attempt left something behind: %s", left)
            return
        if confined.cgroup is not None:
            confined.cgroup.remove()
        shutil.rmtree(confined.home, ignore_errors=True)
        if confined.uid is not None:
            self._rested.append(confined.uid)

    def _uid(self) -> int | None:
        if self._leases is None:
            return None
        # The one that rested longest, once a few have been used.
        return self._rested.popleft() if len(self._rested) > 8 else self._leases.lease()


def _sweep_groups() -> None:
    """Remove the control groups of agents that were killed: their processes died with them, the groups stay."""
    own = Cgroup.create(
        name=f"aerodrome-{os.getpid()}-sweep", memory_bytes=MEMORY_BYTES, processes=PROCESSES, cpu_millis=1000
    )
    if own is None:
        return
    own.remove()
    for folder in own.folders:
        for group in Path(folder).parent.glob("aerodrome-*-*"):
            pid = group.name.split("-")[1]
            if pid.isdigit() and not Path("/proc", pid).exists():
                with suppress(OSError):
                    group.rmdir()
