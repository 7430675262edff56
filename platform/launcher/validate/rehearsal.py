"""The server's verdict on a folder, from the server's and the agent's own code in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from launcher.pids import is_alive
from launcher.settings import Settings
from launcher.validate.folder import pack
from launcher.validate.problems import Level, Problem
from taskwire.dagspec import DagSpec

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "REQUESTS_CA_BUNDLE", "AERODROME_RUNTIME_AIRFLOW",
         "AERODROME_RUNTIME_PYTHON")  # fmt: skip
_KEPT_BEGINNINGS = ("SSL_CERT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "UV_", "PIP_")
_FINDING_LEVELS: dict[str, Level] = {"error": "error", "warning": "warning", "info": "info"}


class NotRehearsed(Exception):
    """The verdict could not be made; the message says why."""


@dataclass(frozen=True)
class Rehearsed:
    """`bundle`: the folder that was checked, gone after the block. `accepted`: what the server would store."""

    bundle: Path
    files: list[str]
    accepted: dict[str, DagSpec]
    problems: list[Problem]
    runtime: str
    summary: dict[str, Any]


class Rehearsal:
    """A context manager: inside it the bundle's files are on disk, as a runtime would see them."""

    def __init__(
        self, *, root: Path, settings: Settings, checkout: Path, environment: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._root, self._settings, self._checkout, self._tell = root, settings, checkout, tell
        self._environment = environment
        self._work = settings.data / "validate"

    def __enter__(self) -> Rehearsed:
        archive = pack(self._root)
        self._settings.data.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._work.mkdir(exist_ok=True, mode=0o755)
        sweep(self._work)
        self._bundle = Path(tempfile.mkdtemp(prefix=f"bundle-{os.getpid()}-", dir=self._work))
        try:
            return self._rehearse(archive)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._bundle, ignore_errors=True)

    def _rehearse(self, archive: bytes) -> Rehearsed:
        received = self._ask(
            "controlplane.dagprocessor.rehearse", "receive", str(self._bundle), given=archive
        )
        if "refused" in received:
            problem = Problem("error", "AERO-BUNDLE", "", 0, received["refused"])
            return Rehearsed(self._bundle, [], {}, [problem], "", {})
        answer = self._build(self._order(received), received["runtime_digest"])
        if answer.get("built"):
            message = f"The runtime could not be built: {answer['built']}"
            problem = Problem("error", "AERO-RUNTIME", "requirements.txt", 0, message)
            return Rehearsed(self._bundle, received["files"], {}, [problem], "", {})
        summary = self._ask(
            "controlplane.dagprocessor.rehearse", "judge", json.dumps(received["candidates"]),
            given=json.dumps(answer["report"]).encode(),
        )  # fmt: skip
        accepted = {dag_id: msgspec.convert(spec, DagSpec) for dag_id, spec in summary.pop("specs").items()}
        problems = _problems(summary)
        return Rehearsed(self._bundle, received["files"], accepted, problems, answer["runtime"], summary)

    @property
    def _runtimes(self) -> Path:
        return self._settings.agent_dir / "runtimes"

    def find_runtime(self) -> Path:
        """Only the runtime that the folder's `requirements.txt` asks for, built when it is new. Raises `NotRehearsed`."""
        archive = pack(self._root)
        self._settings.data.mkdir(parents=True, exist_ok=True, mode=0o755)
        self._work.mkdir(exist_ok=True, mode=0o755)
        with tempfile.TemporaryDirectory(prefix=f"bundle-{os.getpid()}-", dir=self._work) as folder:
            self._bundle = Path(folder)
            received = self._ask("controlplane.dagprocessor.rehearse", "receive", folder, given=archive)
            if "refused" in received:
                raise NotRehearsed(received["refused"])
            answer = self._build(self._order(received) | {"order": None}, received["runtime_digest"])
        if answer.get("built"):
            raise NotRehearsed(f"the runtime could not be built: {answer['built']}")
        return Path(answer["runtime"])

    def _build(self, order: dict[str, Any], digest: str) -> dict[str, Any]:
        if not (self._runtimes / digest).exists():
            self._tell(f"building the runtime of requirements.txt in {self._runtimes} (once)")
        return self._ask("aerodrome_runtime.agent.rehearsal", given=json.dumps(order).encode())

    def _order(self, received: Mapping[str, Any]) -> dict[str, Any]:
        digest = received["runtime_digest"]
        build = {key: received[key] for key in ("airflow", "python", "requirements")}
        return {
            "directory": str(self._work),
            "runtimes": str(self._runtimes),
            "uids": str(self._settings.agent_dir / "uids"),
            "bundle": str(self._bundle),
            "build": {"runtime_digest": digest, **build},
            "order": {"bundle_digest": "validate", "runtime_digest": digest, "paths": received["candidates"]},
            "uv": str(Path(sys.executable).parent / "uv"),
        }

    def _ask(self, module: str, *arguments: str, given: bytes) -> dict[str, Any]:
        environment = {
            name: value
            for name, value in self._environment.items()
            if name in _KEPT or name.upper().startswith(_KEPT_BEGINNINGS)
        }
        roots = (self._checkout / "platform", self._checkout, self._checkout / "runtime")
        answer = subprocess.run(
            [sys.executable, "-P", "-m", module, *arguments], input=given, capture_output=True, check=False,
            cwd=self._work,
            env=environment | {"PYTHONPATH": os.pathsep.join(map(str, roots)), "UV_PYTHON_DOWNLOADS": "never"},
        )  # fmt: skip
        if answer.returncode != 0:
            last = (answer.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
            raise NotRehearsed(f"{module} failed: {last}")
        found: dict[str, Any] = json.loads(answer.stdout)
        return found


def sweep(work: Path) -> None:
    """Take away the folders of checks that were killed: `bundle-PID-…` and the agent side's `run-PID`."""
    for folder in (*work.glob("bundle-*"), *work.glob("run-*")):
        pid = folder.name.split("-")[1]
        if pid.isdigit() and not is_alive(pid=int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _problems(summary: Mapping[str, Any]) -> list[Problem]:
    errors = [
        Problem("error", f"AERO-IMPORT-{each['kind']}", each["path"], each["line"], each["message"])
        for each in summary["errors"]
    ]
    return errors + [_finding(each) for each in summary["findings"]]


def _finding(told: Mapping[str, Any]) -> Problem:
    level = _FINDING_LEVELS.get(told.get("severity", "warning"), "warning")
    return Problem(
        level, told["code"], told["path"], told.get("line", 0), told["message"], told.get("hint", "")
    )
