"""Runs the checks and the tests. With pytest's arguments, only the tests that they choose."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

_ARCHITECTURE = "tests/architecture"
_BESIDE = (
    ("tests/journeys", "tests/compat", "tests/launcher", "tests/tenancy", "tests/unit"),
    ("tests/processes", "tests/runtime"),
)
"""Each part runs beside the rest, with servers of its own: about equally long, and many wait for processes."""
_COUNT = re.compile(r"(\d+) (failed|passed|skipped|deselected|xfailed|xpassed|warnings?|errors?)\b")


class RuntimeNotBuilt(Exception):
    """There is no tenant runtime to test with, and none could be built."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also those marked heavy, which take minutes each")
    parser.set_defaults(rest=[])
    parser.epilog = "Everything else goes to pytest: ./aerodrome test tests/launcher -k valkey"


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    """Every step runs, also after one failed. Pytest's closing line comes last unless a check failed."""
    programs = Path(sys.executable).parent
    runtime = _test_runtime(checkout)
    # The same random cases on every change; new ones with --all.
    few = [] if arguments.all else ["-m", "not heavy", "--hypothesis-profile=ci"]
    pytest = [sys.executable, "-m", "pytest", *few]
    if arguments.rest:
        return _run("tests", [*pytest, *arguments.rest], checkout, **runtime)
    steps = {
        "ruff check": [str(programs / "ruff"), "check", "."],
        "ruff format": [str(programs / "ruff"), "format", "--check", "."],
        "types": [str(programs / "mypy")],
        "import contracts": [str(programs / "lint-imports")],
        "architecture": [sys.executable, "-m", "pytest", "-q", _ARCHITECTURE],
    }
    failed = [name for name, command in steps.items() if _run(name, command, checkout, **runtime) != 0]
    if arguments.all:  # the heavy ones want the machine for themselves
        steps = {"tests": [*pytest, f"--ignore={_ARCHITECTURE}"]}
        failed += [name for name, command in steps.items() if _run(name, command, checkout, **runtime) != 0]
    elif not _run_beside(pytest, checkout, **runtime):
        failed.append("tests")
    if failed:
        print(f"\naerodrome test: failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def _run_beside(pytest: list[str], checkout: Path, **variables: str) -> bool:
    """The tests in processes side by side: what the first says is shown as it comes, what the others say after it
    has ended, then the sum of all. Whether all passed."""
    started = time.monotonic()
    apart = [folder for part in _BESIDE for folder in part]
    rest = [*pytest, *(f"--ignore={folder}" for folder in (_ARCHITECTURE, *apart))]
    environment = _environment(checkout) | variables
    lines = "\n    beside: ".join(
        " ".join(command[1:]) for command in (rest, *([*pytest, *p] for p in _BESIDE))
    )
    print(f"\n=== tests: {lines}", flush=True)
    with contextlib.ExitStack() as open_until_told:
        texts = []
        beside = []
        for part in _BESIDE:
            said = open_until_told.enter_context(tempfile.TemporaryFile("w+"))
            process = subprocess.Popen(
                [*pytest, *part], cwd=checkout, env=environment, stdout=said, stderr=subprocess.STDOUT
            )
            open_until_told.callback(process.wait)
            open_until_told.callback(process.kill)
            beside.append((process, said))
        first = subprocess.Popen(
            rest, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        with first:
            texts.append("".join(_shown(first.stdout or ())))
        ended = [first.returncode]
        for process, said in beside:
            ended.append(process.wait())
            said.seek(0)
            texts.append(said.read())
            print(texts[-1], flush=True)
    print(f"==== {_sum(texts)} in {time.monotonic() - started:.2f}s ====", flush=True)
    return not any(ended)


def _shown(lines: Iterable[str]) -> Iterator[str]:
    """The same lines, printed as they come."""
    for line in lines:
        print(line, end="", flush=True)
        yield line


def _sum(texts: list[str]) -> str:
    """The counts of pytest's closing lines, added up."""
    counts: Counter[str] = Counter()
    for text in texts:
        closing = text.rstrip().splitlines()[-1:] or [""]
        counts.update({what: int(number) for number, what in _COUNT.findall(closing[0])})
    return ", ".join(f"{number} {what}" for what, number in counts.items()) or "no test ran"


def _test_runtime(checkout: Path) -> dict[str, str]:
    """The variable that names the interpreter of a tenant runtime with Airflow; built on first use."""
    name = "AERODROME_TEST_RUNTIME"
    if name in os.environ:
        return {name: os.environ[name]}
    print("=== runtime with Airflow for the tests (built once, that takes a minute)", flush=True)
    program = "from tests.support.built_runtime import build_test_runtime as build; print(build())"
    answer = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=checkout, env=_environment(checkout), stdout=subprocess.PIPE,
        text=True, check=False,
    )  # fmt: skip
    if answer.returncode != 0:
        raise RuntimeNotBuilt(
            "the runtime for the tests could not be built, see above; without it the tests of tasks and "
            f"DAG files would be skipped. Set {name} to the Python of an environment with Airflow to use that"
        )
    return {name: f"{answer.stdout.strip().splitlines()[-1]}/bin/python"}


def _environment(checkout: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}",
        "PYTHONPATH": os.pathsep.join(str(checkout / root) for root in ("platform", ".", "runtime")),
        "AERODROME_UV": str(Path(sys.executable).parent / "uv"),
    }


def _run(name: str, command: list[str], checkout: Path, **variables: str) -> int:
    print(f"\n=== {name}: {' '.join([Path(command[0]).name, *command[1:]])}", flush=True)
    started = time.monotonic()
    environment = _environment(checkout) | variables
    status = subprocess.run(command, cwd=checkout, env=environment, check=False).returncode
    if name != "tests":
        print(
            f"--- {name}: {'ok' if status == 0 else f'FAILED ({status})'}, {time.monotonic() - started:.1f} s"
        )
    return status
