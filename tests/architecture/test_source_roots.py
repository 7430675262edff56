"""`platform/` is a source root: a package of that name would shadow the standard library's module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.source_files import ROOT

_ASK = "import platform; print(platform.__file__, platform.python_implementation())"


def _shadowing(root: Path) -> list[str]:
    return [name for name in ("__init__.py", "conftest.py") if (root / "platform" / name).exists()]


def test_platform_holds_no_package_marker() -> None:
    assert _shadowing(ROOT) == []


@pytest.mark.parametrize("name", ["__init__.py", "conftest.py"])
def test_a_package_marker_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / name).touch()
    assert _shadowing(tmp_path) == [name]


@pytest.mark.parametrize("roots", [["platform", "."], [".", "platform", "runtime"]])
def test_import_platform_gives_the_standard_library(roots: list[str]) -> None:
    """In the order of manage.py, and with the checkout first on the path."""
    assert "CPython" in _import_platform(ROOT, roots)
    assert str(ROOT) not in _import_platform(ROOT, roots)


def test_a_package_would_win(tmp_path: Path) -> None:
    """The control: with a marker the standard library's module is gone."""
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "__init__.py").write_text("python_implementation = lambda: 'shadow'\n")
    assert "shadow" in _import_platform(tmp_path, ["."])


def _import_platform(root: Path, roots: list[str]) -> str:
    path = ":".join(str((root / each).resolve()) for each in roots)
    done = subprocess.run(
        [sys.executable, "-S", "-c", _ASK],
        cwd=root,
        env={"PYTHONPATH": path, "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
