"""After an attempt there is nothing left: no process, no mount, no folder, no lease."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from aerodrome_runtime.jail.cleanup import clean_up
from aerodrome_runtime.jail.fork import fork_jailed, wait_jailed
from aerodrome_runtime.jail.uids import UidLeases, processes_of
from tests.runtime.jail.conftest import SpecMaker, needs_root

pytestmark = needs_root


def test_nothing_is_left(spec_of: SpecMaker, leases: UidLeases, uid: int, home: str) -> None:
    def body() -> int:
        Path("/home/task/deep/er").mkdir(parents=True)
        Path("/home/task/link").symlink_to("/etc")
        if os.fork() == 0:
            os.setsid()
            signal.pause()
        return 0

    mounts = Path("/proc/self/mountinfo").read_text()
    pid = fork_jailed(spec=spec_of(), child_main=body)
    wait_jailed(pid)
    assert clean_up(home=home, uid=uid, leases=leases).clean
    assert not os.path.exists(home)
    assert Path("/etc/passwd").exists()
    assert processes_of(uid) == []
    assert uid not in leases.held
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert clean_up(home=home, uid=uid, leases=leases).clean  # once more is no error


def test_processes_of_a_lost_zygote_are_killed(leases: UidLeases, uid: int, home: str) -> None:
    """No keeper, no namespace: only the uid tells whose the process is."""
    pid = os.fork()
    if pid == 0:
        os.setresuid(uid, uid, uid)
        while True:
            signal.pause()
    while processes_of(uid) != [pid]:
        os.sched_yield()
    assert clean_up(home=home, uid=uid, leases=leases).clean
    assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def test_a_home_too_deep_for_recursion_is_deleted(
    spec_of: SpecMaker, leases: UidLeases, uid: int, home: str
) -> None:
    def body() -> int:
        for _ in range(3000):
            os.mkdir("d")
            os.chdir("d")
        return 0

    _, status = wait_jailed(fork_jailed(spec=spec_of(), child_main=body))
    assert status == 0
    assert clean_up(home=home, uid=uid, leases=leases).clean
