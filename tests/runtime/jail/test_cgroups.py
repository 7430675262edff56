"""Control groups: the bound holds for the whole attempt, and a death by it can be told from others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from aerodrome_runtime.jail import probes
from aerodrome_runtime.jail.cgroups import Cgroup, read_oom_kills
from aerodrome_runtime.jail.level import lay_out_targets
from tests.runtime.jail.conftest import SpecMaker, needs_root, run_jailed


@pytest.fixture
def group() -> Iterator[Cgroup]:
    made = Cgroup.create(name=f"aerodrome-test-{os.getpid()}", memory_bytes=64 * 1024**2, processes=20)
    if made is None:
        pytest.skip("this machine lets us make no control group that bounds anything")
    yield made
    made.kill()
    made.remove()
    assert not any(os.path.exists(folder) for folder in made.folders)


@needs_root
def test_a_memory_bomb_is_killed_and_counted(group: Cgroup, spec_of: SpecMaker) -> None:
    if "memory" not in group.bounds:
        pytest.skip("no memory controller here")
    spec = spec_of(cgroups=group.folders)
    with lay_out_targets() as targets:
        answer, status = run_jailed(spec, lambda: sum(range(1000)))
        assert (answer, status, group.memory_events()) == (499500, 0, 0)
        answer, status = run_jailed(spec, lambda: probes.attempt(probes.memory_bomb, targets))
    assert answer is None
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert group.memory_events() >= 1


@needs_root
def test_processes_are_bounded_for_the_whole_group(group: Cgroup, spec_of: SpecMaker) -> None:
    if "processes" not in group.bounds:
        pytest.skip("no pids controller here")
    with lay_out_targets() as targets:
        answer, _ = run_jailed(
            spec_of(cgroups=group.folders), lambda: probes.attempt(probes.fork_bomb, targets)
        )
    assert answer == [True, "after 19 forks"]


@needs_root
def test_kill_reaches_every_member(group: Cgroup) -> None:
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(here, 1)
        os.fork()
        os.setsid()
        os.write(there, b"x")
        while True:
            signal.pause()
    group.add(pid)
    os.write(there, b"g")
    assert group.kill()
    assert group.pids() == []
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL
    os.close(here), os.close(there)


@needs_root
def test_the_group_lies_below_our_own(group: Cgroup) -> None:
    with open("/proc/self/cgroup") as own:
        paths = {line.rstrip("\n").split(":", 2)[2] for line in own}
    assert all(
        any(os.path.dirname(folder).endswith(path.rstrip("/")) for path in paths) for folder in group.folders
    )


@pytest.mark.parametrize(
    ("text", "kills"),
    [
        ("low 0\nhigh 0\nmax 5\noom 2\noom_kill 3\noom_group_kill 1\n", 3),
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n", 2),
        ("oom_kill_disable 0\nunder_oom 0\n", 0),
    ],
)
def test_both_layouts_are_read(text: str, kills: int) -> None:
    assert read_oom_kills(text) == kills


@needs_root
@pytest.mark.parametrize("millis", [None, 200])
def test_processors_are_bounded_where_that_is_asked_for(millis: int | None) -> None:
    """A fifth of a processor: the kernel stops who uses more, and counts how often."""
    made = Cgroup.create(
        name=f"aerodrome-test-cpu-{os.getpid()}", memory_bytes=64 * 1024**2, processes=20, cpu_millis=millis
    )
    if made is None or (millis is not None and "cpu" not in made.bounds):
        pytest.skip("no controller for processors here")
    pid = os.fork()
    if pid == 0:
        made.add(os.getpid())
        while sum(os.times()[:2]) < 0.3:
            pass
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    stats = [f"{folder}/cpu.stat" for folder in made.folders if os.path.exists(f"{folder}/cpu.max")]
    stats += [f"{folder}/cpu.stat" for folder in made.folders if os.path.exists(f"{folder}/cpu.cfs_quota_us")]
    made.kill()
    throttled = 0
    for stat in stats:
        with open(stat) as lines:
            throttled += sum(int(line.split()[1]) for line in lines if line.startswith("nr_throttled"))
    made.remove()
    assert (throttled > 0) == (millis is not None)
    assert not any(os.path.exists(folder) for folder in made.folders)
