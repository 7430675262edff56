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
from dataclasses import dataclass
from pathlib import Path

from aerodrome_runtime.agent.environments import task_environment
from aerodrome_runtime.agent.runtimes import Runtime
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
OPEN_FILES = 4096
FILE_SIZE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Confined:
    """What one child got."""

    jail: str
    environment: dict[str, str]
    home: Path
    memory_bytes: int
    uid: int | None
    cgroup: Cgroup | None


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
        self._rested: deque[int] = deque()
        self._interpreters: dict[Path, Interpreter] = {}
        shutil.rmtree(self._homes, ignore_errors=True)
        self._homes.mkdir(parents=True, mode=0o711)

    def prepare(
        self, *, runtime: Runtime, bundle: Path, limits: Wanted, network: Network | None = None
    ) -> Confined:
        """Raises jail.uids.NoUidLeft, jail.tenant.PathTooWide or OSError."""
        number = next(self._numbers)
        home = self._homes / f"h{number}"
        home.mkdir(mode=0o700)
        memory = limits.memory_bytes or MEMORY_BYTES
        processes = limits.processes or PROCESSES
        uid = self._uid()
        cgroup = Cgroup.create(
            name=f"aerodrome-{os.getpid()}-{number}", memory_bytes=memory, processes=processes
        )
        if uid is not None:
            os.chown(home, uid, uid)
        interpreter = self._interpreters.get(runtime.base)
        if interpreter is None:
            interpreter = self._interpreters[runtime.base] = Interpreter.of(str(runtime.base_python))
        inside = str(home) if self._isolation == "none" else HOME_INSIDE
        environment = task_environment(home=inside, private_tmp=self._isolation != "none")
        spec = tenant_jail(
            isolation=self._isolation,
            home=str(home),
            uid=uid,
            bundle=str(bundle),
            interpreter=interpreter,
            also_readable=(str(self._site), str(runtime.path)),
            network=network or self._network,
            limits=Limits(
                processes=processes,
                memory_bytes=memory,
                open_files=limits.open_files or OPEN_FILES,
                file_size_bytes=limits.file_size_bytes or FILE_SIZE_BYTES,
                cpu_seconds=limits.cpu_seconds,
            ),
            environment=environment,
            cgroups=cgroup.folders if cgroup is not None else (),
        )
        return Confined(spec.to_json(), environment, home, memory, uid, cgroup)

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
