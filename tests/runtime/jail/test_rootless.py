"""Without root: the same faithful status and the same end of everything, from a parent that is nobody."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aerodrome_runtime.jail.fork import fork_jailed, wait_jailed
from aerodrome_runtime.jail.spec import JailSpec
from aerodrome_runtime.jail.tenant import tenant_jail
from tests.runtime.jail.conftest import SYSTEM_ONLY, needs_user_namespaces, run_as_nobody

pytestmark = needs_user_namespaces


@contextmanager
def _spec() -> Iterator[JailSpec]:
    home = tempfile.mkdtemp()
    yield tenant_jail(isolation="rootless", home=home, interpreter=SYSTEM_ONLY)
    os.rmdir(home)


def test_statuses_are_the_tasks_own() -> None:
    def die() -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0

    def body() -> list[int]:
        bodies: list[Callable[[], int]] = [lambda: 7, die]
        with _spec() as spec:
            return [wait_jailed(fork_jailed(spec=spec, child_main=main))[1] for main in bodies]

    assert run_as_nobody(body) == [7 << 8, signal.SIGKILL]


def test_a_daemon_dies_with_its_attempt() -> None:
    def body() -> list[Any]:
        here, there = os.pipe()

        def leave_a_daemon() -> int:
            if os.fork() == 0:
                os.setsid()
                os.write(there, b"daemon")
                while True:
                    signal.pause()
            return 0

        with _spec() as spec:
            pid = fork_jailed(spec=spec, child_main=leave_a_daemon, keep_fds=(there,))
            os.close(there)
            started = os.read(here, 6).decode()
            wait_jailed(pid)
        return [started, os.read(here, 1).decode()]

    assert run_as_nobody(body) == ["daemon", ""]


def test_the_hosts_root_is_not_reached_through_pid_one() -> None:
    """The keeper has the same uid and the host's root folder: only the inner user namespace keeps it out."""

    def body() -> list[str]:
        here, there = os.pipe()

        def look() -> int:
            answers = []
            for path in ("/proc/1/root", "/proc/1/cwd"):
                try:
                    answers.append(os.readlink(path))
                except OSError as error:
                    answers.append(str(error.strerror))
            os.write(there, json.dumps(answers).encode())
            return 0

        with _spec() as spec:
            wait_jailed(fork_jailed(spec=spec, child_main=look, keep_fds=(there,)))
        return list(json.loads(os.read(here, 4096)))

    assert set(run_as_nobody(body)) <= {"Permission denied", "No such file or directory"}
