"""The control plane's web server as a process of its own, on a free port, with this session's services."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = ["--interface", "wsgi", "--host", "127.0.0.1", "--workers", "1", "--blocking-threads", "4"]


@dataclass
class WebServer:
    """`process` leads a process group of its own: the server and its worker."""

    process: subprocess.Popen[str]
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def web_server(**environment: str) -> Iterator[WebServer]:
    """`environment` adds variables: `AERODROME_CRASH` for one. Whoever is inside needs the `database` fixture."""
    port = _free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", *OPTIONS, "--port", str(port), "controlplane.wsgi:application"],
        env=child_environment(**environment),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if "Started worker" in line:
                break
        else:
            raise AssertionError("the web server did not start:\n" + "".join(said))
        with _drained(process):
            yield WebServer(process, port)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        process.stdout.close()


def child_environment(**more: str) -> dict[str, str]:
    """This session's environment for a process that imports the control plane."""
    path = os.pathsep.join([str(ROOT / "platform"), str(ROOT)])
    return {**os.environ, "PYTHONPATH": path, **more}


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def _drained(process: subprocess.Popen[str]) -> Iterator[None]:
    """Keeps the pipe from filling up; what the server said is shown when a test fails."""
    assert process.stdout is not None
    thread = threading.Thread(
        target=lambda: [print(line, end="") for line in process.stdout or ()], daemon=True
    )
    thread.start()
    yield
