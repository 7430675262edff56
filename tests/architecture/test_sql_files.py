"""One statement per file: loaded by code, explained in its header, run by its own station or the ledger's callers."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from tests.architecture.source_files import (
    CONTROL_PLANE,
    STATIONS,
    python_files,
    shown,
    sql_files,
    tree,
)

_NAME = re.compile(r"[a-z_]+/sql/[a-z_]+\.sql")
_STATE = re.compile(
    r"\b(?:UPDATE\s+(?:task_instance|dag_run)\b.*?\bSET\b(?:(?!\bWHERE\b|\bFROM\b).)*?\bstate\s*="
    r"|INSERT\s+INTO\s+(?:task_instance|dag_run)\b|DELETE\s+FROM\s+(?:task_instance|dag_run)\b)",
    re.IGNORECASE | re.DOTALL,
)

_ROW_CALLS = frozenset({"create", "bulk_create", "delete", "bulk_update", "update_or_create"})
_HEADINGS = ("Locks", "Rows out", "Bound", "Index")


def _named() -> list[tuple[str, str]]:
    """(statement file, the source file that names it)."""
    return [
        (node.value, shown(path))
        for path in python_files(*CONTROL_PLANE)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value)
    ]


def _statement(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("--")).strip()


def test_every_file_is_loaded_and_every_name_exists() -> None:
    files = {path.relative_to(STATIONS).as_posix() for path in sql_files()}
    assert len(files) > 50
    assert {name for name, _ in _named()} == files


def _strays(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        (name, by)
        for name, by in pairs
        if not name.startswith("ledger/")
        and not by.startswith(f"platform/controlplane/{name.split('/')[0]}/")
    ]


def test_a_station_runs_its_own_statements_and_the_ledgers() -> None:
    """A path is an arrow too: import-linter does not see it."""
    assert _strays(_named()) == []


def test_a_stray_statement_is_found() -> None:
    stray = ("maintenance/sql/list_lost.sql", "platform/controlplane/executors/local.py")
    assert _strays([stray, ("ledger/sql/add_items.sql", stray[1])]) == [stray]


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: path.relative_to(STATIONS).as_posix())
def test_the_header_says_what_for_and_what_it_holds(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    header = "\n".join(itertools.takewhile(lambda line: line.startswith("-- "), text.splitlines()))
    assert any(f"{heading}:" in header for heading in _HEADINGS), "say locks, index, bound or rows out"
    assert len(header.splitlines()[0]) > 20, "say first what it is for"
    assert ";" not in _statement(text), "one statement per file, without a semicolon"


@pytest.mark.parametrize("path", sql_files(), ids=lambda path: path.relative_to(STATIONS).as_posix())
def test_only_the_ledger_writes_state(path: Path) -> None:
    """Truth has one writer: docs/adr/0002."""
    if path.parent.parent.name != "ledger":
        assert not _STATE.search(_statement(path.read_text(encoding="utf-8")))


def test_the_ledgers_own_statements_do_write_it() -> None:
    """The control: the pattern finds what it is for."""
    writers = {
        path.stem for path in sql_files() if _STATE.search(_statement(path.read_text(encoding="utf-8")))
    }
    assert {"create_run", "dispatch_tasks", "start_tasks", "finish_tasks", "finish_runs"} <= writers


def _state_writes(module: ast.Module) -> list[int]:
    """Lines of `….update(state=…)` and of saves that create or delete, on the two models of state."""
    found = []
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        text = ast.unparse(node.func)
        if not re.search(r"\b(TaskInstance|DagRun)\.objects\b", text):
            continue
        keywords = {keyword.arg for keyword in node.keywords}
        sets_state = node.func.attr == "update" and not keywords.isdisjoint({"state", None})
        if sets_state or node.func.attr in _ROW_CALLS:
            found.append(node.lineno)
    return found


def test_no_model_writes_state() -> None:
    found = {shown(path): _state_writes(tree(path)) for path in python_files(*CONTROL_PLANE)}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "text",
    [
        "TaskInstance.objects.filter(id=x).update(state='success')",
        "DagRun.objects.using(using).filter(id=x).delete()",
        "DagRun.objects.create(run_id=x)",
    ],
)
def test_a_model_that_writes_state_is_found(text: str) -> None:
    assert _state_writes(ast.parse(text)) == [1]
