"""The status that reaches the zygote is the task's own, and the end of a task is the end of its jail."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from aerodrome_runtime.jail.fork import (
    CRASHED_EXIT,
    REFUSED_EXIT,
    NotReaped,
    end_jailed,
    fork_jailed,
    is_keeper,
    wait_jailed,
)
from aerodrome_runtime.jail.spec import Bind
from tests.runtime.jail.conftest import SpecMaker, needs_root, run_jailed

pytestmark = needs_root


def _die_by(number: int) -> Callable[[], int]:
    def body() -> int:
        os.kill(os.getpid(), number)
        return 0

    return body


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT])
def test_a_death_by_its_own_signal_is_reported(spec_of: SpecMaker, number: int) -> None:
    _, status = wait_jailed(fork_jailed(spec=spec_of(), child_main=_die_by(number)))
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == number


def test_exit_codes_are_reported(spec_of: SpecMaker) -> None:
    def leave() -> int:
        os._exit(41)

    def raise_exit() -> int:
        raise SystemExit(42)

    def crash() -> int:
        raise ValueError("a bug in the caller")

    bodies = [lambda: 40, leave, raise_exit, crash]
    codes = []
    for body in bodies:
        _, status = wait_jailed(fork_jailed(spec=spec_of(), child_main=body))
        codes.append(os.waitstatus_to_exitcode(status))
    assert codes == [40, 41, 42, CRASHED_EXIT]


def test_a_signal_from_the_agent_is_reported(spec_of: SpecMaker) -> None:
    here, there = socket.socketpair()

    def wait_for_ever() -> int:
        there.send(b"ready")
        signal.pause()
        return 0

    pid = fork_jailed(spec=spec_of(), child_main=wait_for_ever, keep_fds=(there.fileno(),))
    assert here.recv(5) == b"ready"
    assert wait_jailed(pid, os.WNOHANG) == (0, 0)
    os.kill(pid, signal.SIGTERM)
    assert wait_jailed(pid) == (pid, signal.SIGTERM)
    here.close(), there.close()


def _leave_a_daemon(held: int) -> Callable[[], int]:
    """A body that leaves a process in another session, deaf to signals, holding ``held`` open."""

    def body() -> int:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                    signal.signal(number, signal.SIG_IGN)
                os.write(held, b"daemon")
                while True:
                    signal.pause()
            os._exit(0)
        os.wait()
        return 0

    return body


def test_a_daemon_dies_with_its_attempt(spec_of: SpecMaker) -> None:
    here, there = os.pipe()
    pid = fork_jailed(spec=spec_of(), child_main=_leave_a_daemon(there), keep_fds=(there,))
    os.close(there)
    assert os.read(here, 6) == b"daemon"
    os.waitpid(pid, 0)
    os.set_blocking(here, False)
    with pytest.raises(BlockingIOError):  # the control: reaping alone leaves the daemon alive
        os.read(here, 1)
    end_jailed(pid)
    assert os.read(here, 1) == b"", "a process of the attempt still holds the pipe"
    os.close(here)


def test_a_dead_zygote_takes_all_with_it(spec_of: SpecMaker) -> None:
    here, there = os.pipe()
    spec = spec_of()
    zygote = os.fork()
    if zygote == 0:
        fork_jailed(spec=spec, child_main=_leave_a_daemon(there), keep_fds=(there,))
        os.close(there)
        signal.pause()
    os.close(there)
    assert os.read(here, 6) == b"daemon"
    os.kill(zygote, signal.SIGKILL)
    os.waitpid(zygote, 0)
    assert os.read(here, 1) == b""  # blocks until the last holder is gone
    os.close(here)


def test_a_refused_step_runs_nothing(spec_of: SpecMaker, home: str) -> None:
    spec = spec_of()
    spec = replace(spec, read_only=(*spec.read_only, Bind("/nowhere/at/all", "/nowhere")))
    marker = os.path.join(home, "ran")
    answer, status = run_jailed(spec, lambda: open(marker, "w").close())
    assert answer == {"refused": "show /nowhere", "errno": 2}
    assert os.waitstatus_to_exitcode(status) == REFUSED_EXIT
    assert not os.path.exists(marker)


def test_orphans_are_reaped_while_the_attempt_runs(spec_of: SpecMaker) -> None:
    def body() -> list[str]:
        here, there = os.pipe()
        if os.fork() == 0:
            if os.fork() == 0:
                os.write(there, str(os.getpid()).encode())
                signal.pause()
            os._exit(0)
        os.wait()
        orphan = int(os.read(here, 16))
        watch = os.pidfd_open(orphan)
        os.kill(orphan, signal.SIGKILL)
        import select

        select.select([watch], [], [])
        for _ in range(10_000_000):  # the keeper wakes up in its own time; each turn is a system call
            try:
                os.kill(orphan, 0)
            except ProcessLookupError:
                return ["reaped"]
        return ["zombie"]

    assert run_jailed(spec_of(), body)[0] == ["reaped"]


def test_children_of_one_zygote_do_not_see_each_other(spec_of: SpecMaker) -> None:
    here, there = socket.socketpair()

    def first() -> int:
        there.send(b"ready")
        return len(there.recv(1))

    pid = fork_jailed(spec=spec_of(), child_main=first, keep_fds=(there.fileno(),))
    here.recv(5)
    seen, _ = run_jailed(spec_of(), lambda: [name for name in os.listdir("/proc") if name.isdigit()])
    assert len(seen) == 1  # same uid on purpose: only the pid namespace keeps them apart
    here.send(b"x")
    wait_jailed(pid)
    here.close(), there.close()


def test_ending_before_reaping_is_refused(spec_of: SpecMaker) -> None:
    pid = fork_jailed(spec=spec_of(), child_main=lambda: 0)
    with pytest.raises(NotReaped):
        end_jailed(pid)
    wait_jailed(pid)
    end_jailed(pid)  # once more is no error


def test_a_zygote_that_waits_for_anybody_can_tell_keepers(spec_of: SpecMaker) -> None:
    """In a process of its own: this one has other children, and `waitpid(-1)` would take them."""
    zygote = os.fork()
    if zygote == 0:
        pid = fork_jailed(spec=spec_of(), child_main=lambda: 3)
        found, status = os.waitpid(-1, 0)
        told = (found, is_keeper(found), os.waitstatus_to_exitcode(status)) == (pid, False, 3)
        end_jailed(pid)
        try:
            os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            os._exit(0 if told else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(zygote, 0)[1]) == 0


def test_the_parent_stays_in_its_own_namespace(spec_of: SpecMaker) -> None:
    before = os.readlink("/proc/self/ns/pid_for_children")
    wait_jailed(fork_jailed(spec=spec_of(), child_main=lambda: 0))
    assert os.readlink("/proc/self/ns/pid_for_children") == before
