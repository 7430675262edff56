"""What an honest task expects of a machine still works in the jail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runtime.jail.conftest import SpecMaker, needs_root, run_jailed

pytestmark = needs_root


def test_identity_home_and_environment(spec_of: SpecMaker, uid: int) -> None:
    def body() -> list[Any]:
        import pwd

        me = pwd.getpwuid(os.getuid())
        return [os.getresuid(), os.getgroups(), os.getcwd(), me.pw_name, me.pw_dir, dict(os.environ)]

    spec = spec_of(environment={"AIRFLOW_CTX": "x"})
    ids, groups, cwd, name, folder, environment = run_jailed(spec, body)[0]
    assert (ids, groups, cwd, name, folder) == ([uid] * 3, [], "/home/task", "task", "/home/task")
    assert environment == dict(spec.environment)
    assert environment["AIRFLOW_CTX"] == "x"
    assert environment["HOME"] == "/home/task"


def test_capabilities_and_filters(spec_of: SpecMaker) -> None:
    def body() -> dict[str, str]:
        lines = Path("/proc/self/status").read_text().splitlines()
        return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}

    status = run_jailed(spec_of(), body)[0]
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_a_shell_and_pipes_work(spec_of: SpecMaker) -> None:
    def body() -> str:
        script = 'printf "a\\nb\\n" | sort -r | tr -d "\\n"; echo " $HOME $(id -u) $(hostname)"'
        return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True).stdout

    assert run_jailed(spec_of(hostname="worker-7"), body)[0].startswith("ba /home/task 61")


def test_the_interpreter_starts_again_inside(spec_of: SpecMaker) -> None:
    def body() -> str:
        code = "import ssl, sqlite3, ctypes, sys; print(sys.prefix)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        return done.stdout.strip() + done.stderr

    assert run_jailed(spec_of(), body)[0] == sys.prefix


def test_modules_below_a_closed_folder_are_importable(spec_of: SpecMaker, tmp_path: Path) -> None:
    """As below /root (0700), where pyenv and uv put interpreters."""
    closed = tmp_path / "closed"
    (closed / "lib").mkdir(parents=True)
    (closed / "lib" / "of_a_closed_folder.py").write_text("VALUE = 7\n")
    (closed / "secret").write_text("not shown")
    closed.chmod(0o700)

    def body() -> list[Any]:
        sys.path.insert(0, str(closed / "lib"))
        import of_a_closed_folder  # type: ignore[import-not-found]

        return [of_a_closed_folder.VALUE, os.listdir(closed)]

    assert run_jailed(spec_of(also_readable=[str(closed / "lib")]), body)[0] == [7, ["lib"]]


def test_threads_asyncio_queues_and_temporary_files_work(spec_of: SpecMaker) -> None:
    def body() -> list[Any]:
        import asyncio
        import multiprocessing
        import tempfile
        import threading

        found: list[Any] = []
        thread = threading.Thread(target=found.append, args=("thread",))
        thread.start()
        thread.join()
        found.append(asyncio.run(asyncio.sleep(0, "asyncio")))
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        worker = context.Process(target=queue.put, args=("queue",))
        worker.start()
        found.append(queue.get())
        worker.join()
        with tempfile.NamedTemporaryFile(mode="w+") as file:
            file.write("file")
            file.seek(0)
            found.append(file.read())
        return found

    assert run_jailed(spec_of(), body)[0] == ["thread", "asyncio", "queue", "file"]


def test_loopback_is_its_own_and_works(spec_of: SpecMaker) -> None:
    def body() -> list[Any]:
        import socket

        with socket.create_server(("127.0.0.1", 0)) as server:
            with socket.create_connection(server.getsockname()) as client:
                server.accept()[0].close()
                return [client.recv(1).decode(), [name for _, name in socket.if_nameindex()]]

    assert run_jailed(spec_of(), body)[0] == ["", ["lo"]]


@pytest.mark.parametrize("path", ["/usr", "/etc", "/", "/home"])
def test_only_home_and_scratch_can_be_written(spec_of: SpecMaker, home: str, path: str) -> None:
    def body() -> list[str]:
        for folder in ("/home/task", "/tmp", "/var/tmp", "/run", "/dev/shm"):
            Path(folder, "mine").write_text("x")
        try:
            Path(path, "mine").write_text("x")
        except OSError as error:
            return [str(error.strerror)]
        return ["written"]

    assert run_jailed(spec_of(), body)[0][0] in ("Permission denied", "Read-only file system")
    assert Path(home, "mine").read_text() == "x"
    assert not Path("/tmp/mine").exists()


def test_limits_hold(spec_of: SpecMaker) -> None:
    from dataclasses import replace

    spec = spec_of()
    spec = replace(
        spec, limits=replace(spec.limits, open_files=40, file_size_bytes=4096, scratch_bytes=1024**2)
    )

    def body() -> list[str]:
        found = []
        for path, size in (("/home/task/big", 8192), ("/tmp/big", 4096)):
            try:
                Path(path).write_bytes(b"x" * size)
                found.append("written")
            except OSError as error:
                found.append(str(error.strerror))
        try:
            held = [os.open("/dev/null", os.O_RDONLY) for _ in range(60)]
            found.append(f"{len(held)} open")
        except OSError as error:
            found.append(str(error.strerror))
        return found

    assert run_jailed(spec, body)[0] == ["File too large", "written", "Too many open files"]


def test_other_socket_families_are_refused(spec_of: SpecMaker) -> None:
    def body() -> list[str]:
        import socket

        refused = []
        for family in (40, 38):  # vsock, which no network namespace holds; the kernel's crypto
            try:
                socket.socket(family, socket.SOCK_STREAM).close()
                refused.append("made")
            except OSError as error:
                refused.append(str(error.strerror))
        return refused

    assert run_jailed(spec_of(), body)[0] == ["Address family not supported by protocol"] * 2
