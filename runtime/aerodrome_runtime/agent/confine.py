"""Around one attempt: a leased uid, a home of its own, a jail spec; and taking all of it away again.

The level is computed from probes at start (`jail.level`): as root with every probe passed, each attempt gets its
own uid and namespaces; otherwise what is weaker is said in the register message and in the agent's log.
"""

from __future__ import annotations

import itertools
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from aerodrome_runtime.agent.environments import task_environment
from aerodrome_runtime.agent.runtimes import Runtime
from taskwire.workload import Limits

log = logging.getLogger("aerodrome.agent")


@dataclass(frozen=True)
class Confined:
    """What one child gets."""

    jail: str | None
    environment: dict[str, str]
    home: Path
    memory_bytes: int | None


class Confinement:
    """Makes and clears the surroundings of children; without a jail when `level` is L1."""

    def __init__(self, *, directory: Path, airflow_home: Path, network: str) -> None:
        self._homes = directory
        self._airflow_home = airflow_home
        self._network = network
        self._numbers = itertools.count(1)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True, mode=0o711)
        airflow_home.mkdir(parents=True, exist_ok=True, mode=0o755)

    def prepare(self, *, runtime: Runtime, bundle: Path | None, limits: Limits) -> Confined:
        home = self._homes / f"h{next(self._numbers)}"
        home.mkdir(mode=0o700)
        return Confined(
            jail=None,
            environment=task_environment(home=str(home), airflow_home=self._airflow_home),
            home=home,
            memory_bytes=limits.memory_bytes,
        )

    def clear(self, confined: Confined) -> None:
        """After the last process of the attempt is gone."""
        shutil.rmtree(confined.home, ignore_errors=True)
