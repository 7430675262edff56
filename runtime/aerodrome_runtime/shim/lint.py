"""Finds the removed context keys in a bundle's source: in a parse nothing runs that would ask for them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from aerodrome_runtime.shim.context_keys import REMOVED_KEYS
from taskwire.parsing import Finding

_MAYBE = re.compile(r"\b(?:conf|external_trigger)\b")
_ANY_KEY = re.compile(r"\b(" + "|".join(sorted(REMOVED_KEYS, key=len, reverse=True)) + r")\b")
_CONTEXTS = {"context", "kwargs", "ctx", "ti_context", "op_kwargs", "_"}
_SURELY_CONTEXTS = _CONTEXTS - {"kwargs", "op_kwargs", "_"}
_ONLY_IN_SOURCE = {
    "conf": "from airflow.configuration import conf",
    "external_trigger": 'dag_run.run_type == "manual"',
}
"""Told only where the Python source leaves no doubt: elsewhere these words mean many things."""

_CARRIERS = {"ti", "task_instance", "dag_run", "dagrun"}


def context_uses(*, bundle_root: str, paths: list[str]) -> list[Finding]:
    """One finding per place. `paths` are bundle files that a parse read; unreadable ones are left out."""
    found: list[Finding] = []
    for path in paths:
        try:
            text = Path(bundle_root, path).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if not _ANY_KEY.search(text) and not (path.endswith(".py") and _MAYBE.search(text)):
            continue
        places = _python(text) if path.endswith(".py") else _template(text, 1)
        found += [_finding(path, line, key) for line, key in sorted(set(places))]
    return found


def _finding(path: str, line: int, key: str) -> Finding:
    return Finding(
        code=f"AERO-SHIM-context-{key.replace('_', '-')}",
        message=f"{key} is no longer part of Airflow's context",
        path=path,
        line=line,
        hint=REMOVED_KEYS.get(key) or _ONLY_IN_SOURCE[key],
    )


def _python(text: str) -> list[tuple[int, str]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        found += _in_node(node)
    return found


def _in_node(node: ast.AST) -> list[tuple[int, str]]:
    match node:
        case ast.arg(arg=name) if name in REMOVED_KEYS:
            return [(node.lineno, name)]
        case ast.Subscript(value=ast.Name(id=holder), slice=ast.Constant(value=key)):
            return [(node.lineno, str(key))] if _is_read(holder, key) else []
        case ast.Call(func=ast.Attribute(ast.Name(holder), way), args=[ast.Constant(key), *_]):
            return [(node.lineno, str(key))] if way in ("get", "pop") and _is_read(holder, key) else []
        case ast.Attribute(value=value, attr="execution_date") if _is_carrier(value):
            return [(node.lineno, "execution_date")]
        case ast.Attribute(value=value, attr="external_trigger") if _is_carrier(value):
            return [(node.lineno, "external_trigger")]
        case ast.Constant(value=str(text)) if "{{" in text or "{%" in text:
            return _template(text, node.lineno)
    return []


def _is_read(holder: str, key: object) -> bool:
    if key == "conf":
        return holder in _SURELY_CONTEXTS
    return holder in _CONTEXTS and key in REMOVED_KEYS


def _is_carrier(value: ast.expr) -> bool:
    match value:
        case ast.Name(id=name):
            return name in _CARRIERS
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key in _CARRIERS
    return False


def _template(text: str, first_line: int) -> list[tuple[int, str]]:
    found = []
    for block in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", text, re.DOTALL):
        for key in _ANY_KEY.finditer(block[0]):
            line = first_line + text.count("\n", 0, block.start() + key.start())
            found.append((line, key[1]))
    return found
