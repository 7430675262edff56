"""Ruff's rules for Airflow on a bundle's Python files. Ruff reads, it runs nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from launcher.validate.problems import Level, Problem


class RuffFailed(Exception):
    """Ruff did not answer; the message has its own words."""


def lint(*, bundle: Path, level: Level, known: Iterable[Problem]) -> list[Problem]:
    """What the AIR rules say, without the names that the runtime told of the same file. Raises `RuffFailed`."""
    command = [
        str(Path(sys.executable).parent / "ruff"),
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "AIR",
    ]
    answer = subprocess.run(
        [*command, "--output-format", "json", "--no-respect-gitignore", str(bundle)],
        capture_output=True, check=False,
    )  # fmt: skip
    if answer.returncode not in (0, 1):
        raise RuffFailed(f"ruff failed: {answer.stderr.decode(errors='replace').strip()[-400:]}")
    told = _words_told(known)
    found = []
    for row in json.loads(answer.stdout):
        if not (row["code"] or "").startswith("AIR"):
            continue  # a file that Python cannot read: the runtime says it too
        path = Path(row["filename"]).relative_to(bundle).as_posix()
        line = row["location"]["row"]
        if not any(_last_word(row["message"]) in words for words in told.get(path, ())):
            hint = (row.get("fix") or {}).get("message") or ""
            found.append(Problem(level, row["code"], path, line, row["message"], hint))
    return found


def _words_told(known: Iterable[Problem]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for each in known:
        told.setdefault(each.path, []).append(each.message)
    return told


def _last_word(message: str) -> str:
    """Ruff names what it is about first, in backticks: `airflow.operators.python.PythonOperator` is …"""
    quoted = message.split("`")
    return quoted[1].rpartition(".")[2] if len(quoted) > 2 else message
