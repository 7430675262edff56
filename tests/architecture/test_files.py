"""Sizes and names: a station is a package, a verb is a file, and no file is a drawer for everything."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

from tests.architecture.source_files import ROOT, SHIPPED, is_generated, python_files, shown, tree

MOST_LINES = 400
MOST_TEST_LINES = 500
MOST_COMMAND_LINES = 40
MEDIAN_LINES = 120
P95_LINES = 300
BANNED_FILES = frozenset({"utils.py", "util.py", "helpers.py", "helper.py", "manager.py", "managers.py",
                          "base.py", "common.py", "misc.py"})  # fmt: skip
DEMANDED = "platform/controlplane/foundation/postgres/base.py"
"""Django imports a backend's wrapper by this name, and no other."""
BANNED_FOLDERS = frozenset({"utils", "helpers", "common", "misc", "lib"})
REGISTERS = frozenset(
    {
        "platform/controlplane/ledger/models/__init__.py",
        "platform/controlplane/settings/__init__.py",
        "tenants/models/__init__.py",
    }
)
"""Django finds models and settings through these packages."""


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _too_long(files: list[Path], most: int) -> dict[str, int]:
    return {str(path): _lines(path) for path in files if not is_generated(path) and _lines(path) > most}


def test_no_file_passes_the_hard_stop() -> None:
    assert _too_long(python_files(*SHIPPED, "benchmarks"), MOST_LINES) == {}
    assert _too_long(python_files("tests"), MOST_TEST_LINES) == {}


def test_a_long_file_is_found(tmp_path: Path) -> None:
    long = tmp_path / "long.py"
    long.write_text("x = 1\n" * (MOST_LINES + 1))
    assert _too_long([long], MOST_LINES) == {str(long): MOST_LINES + 1}


def test_files_are_small_as_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = sorted(
        _lines(path)
        for path in python_files(*SHIPPED)
        if not is_generated(path) and path.name != "__init__.py"
    )
    median, p95 = statistics.median(sizes), sizes[int(len(sizes) * 0.95)]
    with capsys.disabled():
        print(f"\n{len(sizes)} files: median {median:.0f} lines, 95th percentile {p95}, longest {sizes[-1]}")
    assert median <= MEDIAN_LINES
    assert p95 <= P95_LINES


def test_management_commands_are_doors() -> None:
    """Parse flags, build the service, run it."""
    commands = list((ROOT / "api" / "management" / "commands").glob("*.py"))
    assert len(commands) > 1
    assert _too_long(commands, MOST_COMMAND_LINES) == {}


def _banned(paths: list[str]) -> list[str]:
    return [
        path
        for path in paths
        if path.rpartition("/")[2] in BANNED_FILES or not BANNED_FOLDERS.isdisjoint(path.split("/")[:-1])
    ]


def test_names_say_what_happens() -> None:
    assert _banned([shown(path) for path in python_files(*SHIPPED, "tests", "benchmarks")]) == [DEMANDED]


@pytest.mark.parametrize("path", ["api/utils.py", "tenants/common/words.py", "api/v2/base.py"])
def test_a_drawer_is_found(path: str) -> None:
    assert _banned([path]) == [path]


def _facade(module: ast.Module) -> list[str]:
    """What a package's `__init__` holds besides its docstring."""
    return [
        ast.unparse(node)
        for node in module.body
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
    ]


def test_packages_export_nothing() -> None:
    """One import path per thing."""
    packages = [path for path in python_files(*SHIPPED) if path.name == "__init__.py"]
    found = {shown(path): _facade(tree(path)) for path in packages if shown(path) not in REGISTERS}
    assert {path: held for path, held in found.items() if held} == {}


def test_a_facade_is_found() -> None:
    assert _facade(ast.parse('"""Words."""\nfrom api.problems import Problem\n')) == [
        "from api.problems import Problem"
    ]


def test_packages_say_what_they_are_for() -> None:
    packages = [
        path
        for path in python_files("platform", "tenants", "api", "runtime")
        if path.name == "__init__.py" and not is_generated(path) and "management" not in path.parts
    ]
    assert [shown(path) for path in packages if not ast.get_docstring(tree(path))] == []
