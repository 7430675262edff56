"""Gathering memory in huge pages: nothing is lost, and where the kernel cannot, nothing happens."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import mmap, re
from aerodrome_runtime.zygote import hugepages

held = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for place in range(0, len(held), 4096):
    held[place] = place // 4096 % 251
gathered = hugepages.collapse()
same = all(held[place] == place // 4096 % 251 for place in range(0, len(held), 4096))
huge = sum(int(size) for size in re.findall(r"AnonHugePages: +([0-9]+) kB", open("/proc/self/smaps").read()))
print(gathered, huge * 1024, same)
"""


def _collapse() -> tuple[int, int, str]:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root / "runtime")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    gathered, huge, same = done.stdout.split()
    return int(gathered), int(huge), same


def _kernel_collapses() -> bool:
    release = os.uname().release.split(".")
    return (int(release[0]), int(release[1])) >= (6, 1) and Path(
        "/sys/kernel/mm/transparent_hugepage"
    ).exists()


@pytest.mark.skipif(not _kernel_collapses(), reason="MADV_COLLAPSE needs Linux 6.1 with huge pages")
def test_memory_is_gathered_and_unchanged() -> None:
    gathered, huge, same = _collapse()
    assert gathered >= 8 << 20
    assert huge >= gathered
    assert same == "True"


def test_a_kernel_that_refuses_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from aerodrome_runtime.zygote import hugepages

    class Refusing:
        def __init__(self, *_: object, **__: object) -> None:
            self.madvise = self

        def __call__(self, *_: object) -> int:
            return -1

    monkeypatch.setattr(ctypes, "CDLL", Refusing)
    assert hugepages.collapse() == 0
