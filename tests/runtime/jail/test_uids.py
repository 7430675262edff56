"""A uid is one attempt's alone, also across agents and across their deaths."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from aerodrome_runtime.jail.uids import NoUidLeft, UidLeases, UidStillInUse, kill_all, processes_of
from tests.runtime.jail.conftest import needs_root


def _live_as(uid: int) -> int:
    """A process of this uid that waits for a signal; returned when it has the uid."""
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setresuid(uid, uid, uid)
        os.write(there, b"x")
        while True:
            signal.pause()
    os.read(here, 1)
    os.close(here), os.close(there)
    return pid


def test_no_uid_is_leased_twice(tmp_path: Path) -> None:
    one = UidLeases(first=620_000, count=3, state_dir=str(tmp_path))
    other = UidLeases(first=620_000, count=3, state_dir=str(tmp_path))
    leased = [one.lease(), other.lease(), one.lease()]
    assert sorted(leased) == [620_000, 620_001, 620_002]
    with pytest.raises(NoUidLeft):
        other.lease()
    one.release(leased[0])
    assert other.lease() == leased[0]


def test_a_dead_agent_gives_its_uids_back(tmp_path: Path) -> None:
    here, there = os.pipe()
    agent = os.fork()
    if agent == 0:
        os.write(there, str(UidLeases(first=620_000, count=1, state_dir=str(tmp_path)).lease()).encode())
        signal.pause()
    assert os.read(here, 6) == b"620000"
    survivor = UidLeases(first=620_000, count=1, state_dir=str(tmp_path))
    with pytest.raises(NoUidLeft):
        survivor.lease()
    os.kill(agent, signal.SIGKILL)
    os.waitpid(agent, 0)
    assert survivor.lease() == 620_000
    os.close(here), os.close(there)


@needs_root
def test_a_uid_with_a_living_process_is_neither_released_nor_leased(
    leases: UidLeases, tmp_path: Path
) -> None:
    uid = leases.lease()
    pid = _live_as(uid)
    assert processes_of(uid) == [pid]
    with pytest.raises(UidStillInUse, match=str(pid)):
        leases.release(uid)
    assert uid in leases.held
    another_agents = UidLeases(first=uid, count=1, state_dir=str(tmp_path / "elsewhere"))
    with pytest.raises(NoUidLeft):
        another_agents.lease()

    assert kill_all(uid)
    os.waitpid(pid, 0)
    leases.release(uid)
    assert another_agents.lease() == uid


def test_root_is_never_killed() -> None:
    with pytest.raises(ValueError, match="never for root"):
        kill_all(0)


@needs_root
def test_kill_all_leaves_other_uids_alone(leases: UidLeases) -> None:
    mine, theirs = leases.lease(), leases.lease()
    mine_pid, their_pid = _live_as(mine), _live_as(theirs)
    assert kill_all(mine)
    assert processes_of(theirs) == [their_pid]
    assert kill_all(theirs)
    for pid in (mine_pid, their_pid):
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
