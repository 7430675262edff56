"""Every registered crash point is passed at one place, in the station that its name says."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from controlplane.foundation import crashpoints
from tests.architecture.source_files import CONTROL_PLANE, ROOT, python_files, shown, tree

AT_THE_DOOR = {
    "executors.claim.after_commit": "api/agent/work.py",
    "execution.report.after_commit": "api/agent/work.py",
}
"""The door ends the tenant's transaction, so only it can die after the commit."""


def _passed(files: list[Path], root: Path = ROOT) -> list[tuple[str, str]]:
    """(point, file) of every call of `crashpoint`."""
    return [
        (
            node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ast.unparse(node),
            shown(path, root),
        )
        for path in files
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "crashpoint"
    ]


def _is_at_home(point: str, file: str) -> bool:
    if point in AT_THE_DOOR:
        return file == AT_THE_DOOR[point]
    return file.startswith(f"platform/controlplane/{point.split('.')[0]}/")


def test_each_point_is_passed_at_exactly_one_place() -> None:
    times = Counter(point for point, _ in _passed(python_files(*CONTROL_PLANE)))
    assert times == Counter(dict.fromkeys(crashpoints.POINTS, 1))


def test_each_point_lies_where_its_name_says() -> None:
    assert [pair for pair in _passed(python_files(*CONTROL_PLANE)) if not _is_at_home(*pair)] == []


def test_a_stray_point_is_found(tmp_path: Path) -> None:
    stray = tmp_path / "stray.py"
    stray.write_text('crashpoint("scheduler.work.after_lease")\ncrashpoint(name)\n')
    found = _passed([stray], tmp_path)
    assert found == [("scheduler.work.after_lease", "stray.py"), ("crashpoint(name)", "stray.py")]
    assert not any(_is_at_home(*pair) for pair in found)


def test_an_unknown_point_fails_when_one_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crashpoints, "_target", "scheduler.work.after_lease")
    with pytest.raises(crashpoints.CrashPointUnknown):
        crashpoints.crashpoint("scheduler.work.nowhere")
