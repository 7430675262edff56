"""Build tenant runtimes: a locked base once per Airflow and Python, then a copy of it with the tenant's packages.

Before: `uv` can be run and the lock of the Airflow version is shipped with us. After: `runtimes/<digest>` is
complete, or is not there at all: everything happens in a folder beside it that is renamed at the end.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import aerodrome_runtime
from aerodrome_runtime.agent.requirements import (
    RequirementRefused,
    check_requirements,
    constraints_of,
    sources_for,
)
from aerodrome_runtime.agent.runtimes import MARK
from taskwire.workload import BuildWork

LOCKS = Path(aerodrome_runtime.__file__).resolve().parents[1] / "locks"
SOURCES = LOCKS / "sources.lock"
"""Packages without wheels that are built all the same: pinned by hash, so that it is our choice what runs."""

LOG_CHARACTERS = 20_000
SECONDS = 1800
OURS_TO_PASS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "HOME")
"""What `uv` gets of the operator's environment, besides every UV_*: where packages come from is their choice."""


class BuildFailed(Exception):
    """The runtime cannot be built; the text is for the tenant, in the resolver's own words."""


@dataclass(frozen=True)
class Built:
    ok: bool
    message: str
    log: str


class Builder:
    """One build at a time in this agent, and between agents that share the folder."""

    def __init__(self, *, runtimes: Path, uv: str | None) -> None:
        self._runtimes = runtimes
        self._uv = uv
        self._lock = asyncio.Lock()

    async def run(self, work: BuildWork) -> Built:
        """Build `work.runtime_digest`; a runtime that exists already is a success at once."""
        async with self._lock:
            return await asyncio.to_thread(self._run, work)

    def _run(self, work: BuildWork) -> Built:
        if (
            not work.runtime_digest
            or "/" in work.runtime_digest
            or work.runtime_digest.startswith((".", "base-"))
        ):
            return Built(False, f"{work.runtime_digest!r} is not a runtime digest", "")
        log: list[str] = []
        try:
            with _exclusive(self._runtimes / ".building"):
                final = self._runtimes / work.runtime_digest
                if not final.exists():
                    base = self._base(work, log)
                    self._tenant(work, base, final, log)
        except (BuildFailed, RequirementRefused) as error:
            self._fresh(f"{work.runtime_digest}.partial")
            return Built(False, str(error), _tail(log))
        except (OSError, subprocess.SubprocessError) as error:
            return Built(False, f"the build broke off: {type(error).__name__}: {error}", _tail(log))
        return Built(True, f"Airflow {work.airflow} on Python {work.python}", _tail(log))

    def _base(self, work: BuildWork, log: list[str]) -> Path:
        """The locked base of this Airflow and Python, built when it is not there yet."""
        lock = LOCKS / f"airflow-{work.airflow}.lock"
        if not lock.is_file():
            known = sorted(path.stem.removeprefix("airflow-") for path in LOCKS.glob("airflow-*.lock"))
            raise BuildFailed(f"Airflow {work.airflow} is not offered; there is {', '.join(known) or 'none'}")
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
        final = self._runtimes / f"base-{work.airflow}-{work.python}-{digest}"
        if final.exists():
            return final
        partial = self._fresh(f"{final.name}.partial")
        log.append(f"building the base of Airflow {work.airflow} on Python {work.python}")
        self._call(["venv", "--relocatable", "--python", _interpreter(work.python), str(partial)], log)
        self._call(["pip", "install", *_into(partial), "--require-hashes", "--no-deps", "-r", str(lock)], log)
        partial.rename(final)
        return final

    def _tenant(self, work: BuildWork, base: Path, final: Path, log: list[str]) -> None:
        wanted = check_requirements(work.requirements)
        partial = self._fresh(f"{final.name}.partial")
        if not wanted:
            # Nothing of the tenant's own: the base itself is its runtime.
            partial.symlink_to(base.name)
            partial.rename(final)
            return
        # Hard links: a runtime costs what it adds. Safe, because uv replaces files and never writes into one.
        subprocess.run(["cp", "-al", str(base), str(partial)], check=True, timeout=SECONDS)
        requirements, constraints = partial / "requirements.txt", partial / "constraints.txt"
        requirements.write_text("\n".join(wanted) + "\n")
        constraints.write_text(constraints_of((LOCKS / f"airflow-{work.airflow}.lock").read_text()))
        # No build: a source distribution runs its author's code, here, as us.
        install = [
            "pip",
            "install",
            *_into(partial),
            "--no-build",
            "-r",
            str(requirements),
            "-c",
            str(constraints),
        ]
        try:
            self._call(install, log)
        except BuildFailed as error:
            pins = sources_for(failure=str(error), lock=SOURCES.read_text())
            if not pins:
                raise
            sources = partial / "sources.txt"
            sources.write_text(pins)
            self._call(
                ["pip", "install", *_into(partial), "--require-hashes", "--no-deps", "-r", str(sources)], log
            )
            self._call(install, log)
        (partial / MARK).write_text(
            json.dumps({"base": base.name, "airflow": work.airflow, "python": work.python})
        )
        partial.rename(final)

    def _fresh(self, name: str) -> Path:
        partial = self._runtimes / name
        if partial.is_symlink() or partial.is_file():
            partial.unlink()
        shutil.rmtree(partial, ignore_errors=True)
        return partial

    def _call(self, arguments: list[str], log: list[str]) -> None:
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_CACHE_DIR": str(self._runtimes / ".cache"),
            **{
                name: value
                for name, value in os.environ.items()
                if name in OURS_TO_PASS or name.startswith("UV_")
            },
        }
        done = subprocess.run(
            [*self._command(), *arguments],
            env=environment,
            cwd=self._runtimes,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        log.append((done.stdout + done.stderr).strip())
        if done.returncode:
            raise BuildFailed(done.stderr.strip()[-4000:] or f"uv ended with {done.returncode}")

    def _command(self) -> list[str]:
        if self._uv:
            return [self._uv]
        beside = Path(sys.executable).with_name("uv")
        if beside.exists():
            return [str(beside)]
        found = shutil.which("uv")
        if found is None:
            raise BuildFailed("uv is missing: install it beside the agent or set AERODROME_UV")
        return [found]


def _into(environment: Path) -> list[str]:
    return ["--python", str(environment / "bin" / "python"), "--link-mode", "copy", "--compile-bytecode"]


def _interpreter(version: str) -> str:
    """Our own interpreter when it has the wanted version (it is known to run), else what uv finds."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return str(Path(sys._base_executable).resolve()) if version == own else version  # type: ignore[attr-defined]


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _tail(log: list[str]) -> str:
    return "\n".join(part for part in log if part)[-LOG_CHARACTERS:]
