"""The import contracts of `.importlinter` hold, and break when they should."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_files import ROOT

_PROGRAM = Path(sys.executable).parent / "lint-imports"


def _contracts() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    return parser


def _lint(config: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(ROOT / root) for root in ("platform", ".", "runtime"))
    return subprocess.run(
        [str(_PROGRAM), "--config", str(config), "--no-cache"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_contracts_hold() -> None:
    done = _lint(ROOT / ".importlinter")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("contract", "option", "value"),
    [
        ("layers", "layers", "controlplane.ledger\ncontrolplane.scheduler"),
        ("pure", "source_modules", "controlplane.ledger"),
        ("runtime", "forbidden_modules", "taskwire"),
        ("airflow", "source_modules", "aerodrome_runtime"),
        ("driver", "source_modules", "controlplane.foundation.db"),
        ("launcher", "forbidden_modules", "psycopg2"),
    ],
)
def test_a_broken_arrow_is_found(tmp_path: Path, contract: str, option: str, value: str) -> None:
    """Each contract turned to where its arrow does exist."""
    found = _contracts()
    name = f"importlinter:contract:{contract}"
    wrong = configparser.ConfigParser()
    wrong["importlinter"] = dict(found["importlinter"])
    wrong[name] = {**found[name], option: "\n" + value}
    with (tmp_path / "contracts").open("w") as out:
        wrong.write(out)
    done = _lint(tmp_path / "contracts")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 broken" in done.stdout


def test_every_station_has_its_layer() -> None:
    """A new package of the control plane is placed, or this fails."""
    layers = _contracts()["importlinter:contract:layers"]["layers"]
    named = {word for word in layers.replace("|", " ").split() if word.startswith("controlplane.")}
    packages = {
        f"controlplane.{path.parent.name}"
        for path in (ROOT / "platform" / "controlplane").glob("*/__init__.py")
        if path.parent.name != "settings"
    }
    assert packages == named
