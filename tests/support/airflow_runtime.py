"""A process of the runtime that `AERODROME_TEST_RUNTIME` names (an interpreter with Airflow), for tests."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from taskwire.parsing import FileParse

REPOSITORY = Path(__file__).parents[2]
VARIABLE = "AERODROME_TEST_RUNTIME"


class RunFailed(AssertionError):
    """What was run inside the runtime raised; carries the traceback."""


class AirflowRuntime:
    """Talks to `tests/runtime/run_in_runtime.py`. Each order runs in a fork of its own."""

    def __init__(self, *, home: Path, hash_seed: str = "random", shim: bool = True) -> None:
        script = REPOSITORY / "tests/runtime/run_in_runtime.py"
        environment = {
            "AIRFLOW_HOME": str(home),
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": f"{REPOSITORY}/platform:{REPOSITORY}/runtime",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////nowhere/at/all.db",
        }
        self._process = subprocess.Popen(
            [os.environ[VARIABLE], str(script), *([] if shim else ["--without-shim"])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def parse(self, *, bundle: Path, path: str, timeout_seconds: float | None = None) -> FileParse:
        """Parse one file of a bundle folder."""
        order = {"bundle": str(bundle), "path": path, "timeout_seconds": timeout_seconds}
        return msgspec.convert(self._ask(order), FileParse)

    def parse_text(self, *, bundle: Path, text: str, path: str = "dags/file.py") -> FileParse:
        """Write `text` (dedented) to `path` of the bundle folder and parse it."""
        write(bundle, {path: text})
        return self.parse(bundle=bundle, path=path)

    def candidates(self, *, bundle: Path) -> list[str]:
        """What `find_dag_files` finds."""
        found: list[str] = self._ask({"bundle": str(bundle)})
        return found

    def run(self, code: str) -> Any:
        """Execute `code` (dedented) and give back what it left in `result`."""
        return self._ask({"code": textwrap.dedent(code)})

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=30)

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "raised" in answer:
            raise RunFailed(answer["raised"])
        return answer["answer"]


def write(bundle: Path, files: dict[str, str]) -> None:
    """Put dedented texts into a bundle folder."""
    for path, text in files.items():
        (bundle / path).parent.mkdir(parents=True, exist_ok=True)
        (bundle / path).write_text(textwrap.dedent(text))


def start(home: Path, **options: Any) -> AirflowRuntime:
    """A runtime process, or a skipped test where no runtime is named."""
    if VARIABLE not in os.environ:
        pytest.skip("no runtime with Airflow is named")
    return AirflowRuntime(home=home, **options)


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowRuntime]:
    """One warm process for all tests of a folder; every order has a fork to itself."""
    started = start(tmp_path_factory.mktemp("airflow"))
    yield started
    started.close()
