"""Which connections and variables a task names: in its arguments, its templates, its callables.

Literal names only. Arguments called `conn_id` or `<something>_conn_id`; `{{ conn.x }}`, `{{ var.value.x }}`,
`{{ var.json.x }}` in template fields; in the source of a callable `Variable.get("x")`, `<…>.get_connection("x")`,
`Connection.get("x")` and keyword arguments called as above. A name that is computed cannot be found: its author declares it.
Called by `task.py`.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from typing import Any

from aerodrome_runtime.translate.code import function_source
from aerodrome_runtime.translate.plain import Plain

MOST_TEXT = 100_000
_CONN = re.compile(r"\bconn\.(?:get\(\s*['\"]([^'\"]+)['\"]|(\w+))")
_VAR = re.compile(r"\bvar\.(?:value|json)\.(?:get\(\s*['\"]([^'\"]+)['\"]|(\w+))")
_JINJA = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)


def named_secrets(*, task: Any, plain: Plain) -> dict[str, list[str]]:
    """{"connections": […], "variables": […]}, sorted, without what is empty."""
    connections: set[str] = set()
    variables: set[str] = set()
    known = {**getattr(task, "partial_kwargs", {})} if getattr(task, "is_mapped", False) else vars(task)
    for name, value in known.items():
        if _is_conn_argument(name.lstrip("_")) and isinstance(value, str) and value and "{" not in value:
            connections.add(value)
    for name in task.template_fields:
        _from_texts(known.get(name), connections, variables)
    for name in ("python_callable", "poke_callable"):
        if (function := known.get(name)) is not None:
            _from_code(function, plain, connections, variables)
    found = {"connections": sorted(connections), "variables": sorted(variables)}
    return {kind: names for kind, names in found.items() if names}


def _is_conn_argument(name: str) -> bool:
    return name == "conn_id" or name.endswith("_conn_id")


def _from_texts(value: Any, connections: set[str], variables: set[str], depth: int = 0) -> None:
    if isinstance(value, str):
        for expression in _JINJA.findall(value[:MOST_TEXT]):
            connections.update(first or second for first, second in _CONN.findall(expression))
            variables.update(first or second for first, second in _VAR.findall(expression))
    elif isinstance(value, dict) and depth < 8:
        for part in value.values():
            _from_texts(part, connections, variables, depth + 1)
    elif isinstance(value, list | tuple) and depth < 8:
        for part in value:
            _from_texts(part, connections, variables, depth + 1)


def _from_code(function: Any, plain: Plain, connections: set[str], variables: set[str]) -> None:
    while isinstance(function, functools.partial):
        function = function.func
    try:
        tree = ast.parse(textwrap.dedent(function_source(function=function, plain=plain)[:MOST_TEXT]))
    except (SyntaxError, ValueError, TypeError, AttributeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            _from_call(node, connections, variables)


def _from_call(node: ast.Call, connections: set[str], variables: set[str]) -> None:
    for keyword in node.keywords:
        if keyword.arg and _is_conn_argument(keyword.arg) and (name := _literal(keyword.value)):
            connections.add(name)
    if not isinstance(node.func, ast.Attribute):
        return
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    first = _literal(node.args[0] if node.args else named.get("key") or named.get("conn_id"))
    owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
    if not first:
        return
    if node.func.attr == "get_connection" or (node.func.attr == "get" and owner == "Connection"):
        connections.add(first)
    elif node.func.attr in ("get", "set", "delete") and owner == "Variable":
        variables.add(first)


def _literal(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
