"""The machine under it all: one line that every report begins with."""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

CALM_LOAD = 0.5


@dataclass(frozen=True)
class Machine:
    cores: int
    memory_gib: float
    load_1min: float
    kernel: str
    cpu: str

    @property
    def line(self) -> str:
        return (
            f"{self.cores} cores ({self.cpu}), {self.memory_gib:.0f} GiB, Linux {self.kernel}, "
            f"load {self.load_1min:.2f} at the start"
        )

    @property
    def warning(self) -> str | None:
        """Why the numbers of this run are not to be trusted, or None."""
        if self.load_1min <= CALM_LOAD:
            return None
        return f"the machine is busy (1-minute load {self.load_1min:.2f} > {CALM_LOAD}): trust no number of this run"

    def to_dict(self) -> dict[str, object]:
        return {**asdict(self), "warning": self.warning}


def read_machine(*, proc: Path = Path("/proc")) -> Machine:
    """What /proc says now."""
    memory = next(line for line in (proc / "meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    models = [line for line in (proc / "cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory_gib=int(memory.split()[1]) / 2**20,
        load_1min=float((proc / "loadavg").read_text().split()[0]),
        kernel=platform.release(),
        cpu=models[0].partition(":")[2].strip() if models else "unknown",
    )
