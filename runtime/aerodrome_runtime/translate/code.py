"""What a task does, as one SHA-256: so that a changed body is a changed DAG version, and nothing else is.

Counted: the source of the task's callables (with what their closures and defaults hold), of operator classes
that live in the bundle, and the values of template fields. Not counted: memory addresses, folders, the order
of a set. Called by `task.py`.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import linecache
import sys
import types
from typing import Any

from aerodrome_runtime.translate.plain import Plain
from taskwire.canonical import canonical_json


def code_sha(*, task: Any, plain: Plain) -> str | None:
    """Hash of what `task` (an operator or a mapped operator) does; None when there is nothing to tell."""
    known = {**getattr(task, "partial_kwargs", {}), **_mapped_values(task)}
    told: dict[str, Any] = {}
    for name in sorted(set(task.template_fields) | {"python_callable", "conn_id", "poke", "trigger"}):
        value = known.get(name) if name in known else getattr(task, name, None)
        if value is None or name == "poke":
            continue
        told[name] = _tell(value, plain)
    operator_class = getattr(task, "operator_class", None) or type(task)
    for ancestor in getattr(operator_class, "__mro__", ()):
        if _is_in_bundle(ancestor, plain):
            told[f"class {ancestor.__qualname__}"] = _class_source(ancestor, plain)
    if not told:
        return None
    return hashlib.sha256(canonical_json(told)).hexdigest()


def function_source(*, function: Any, plain: Plain) -> str:
    """The lines of a Python function as written, or a stable description where they cannot be read."""
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return plain.path(function)
    lines = linecache.getlines(code.co_filename, getattr(function, "__globals__", None))
    first, last = code.co_firstlineno, _last_line(code)
    if 0 < first <= last <= len(lines):
        return plain.text("".join(lines[first - 1 : last]))
    return f"{code.co_name} {code.co_names} {code.co_code.hex()}"


def _tell(value: Any, plain: Plain, depth: int = 0) -> Any:
    if isinstance(value, functools.partial):
        parts = [_tell(part, plain, depth + 1) for part in (value.func, value.args, value.keywords)]
        return {"partial": parts}
    if isinstance(value, types.MethodType):
        return {"method": [_tell(value.__func__, plain, depth + 1), plain.value(value.__self__)]}
    if isinstance(value, types.FunctionType) and depth < 4:
        return {
            "source": function_source(function=value, plain=plain),
            "closure": [_cell(cell, plain, depth) for cell in value.__closure__ or ()],
            "defaults": _tell(list(value.__defaults__ or ()), plain, depth + 1),
            "keyword_defaults": _tell(value.__kwdefaults__ or {}, plain, depth + 1),
        }
    if isinstance(value, list | tuple):
        return [_tell(part, plain, depth + 1) for part in value]
    if isinstance(value, dict) and depth < 8:
        return {plain.key(name): _tell(part, plain, depth + 1) for name, part in value.items()}
    return plain.value(value)


def _cell(cell: Any, plain: Plain, depth: int) -> Any:
    try:
        return _tell(cell.cell_contents, plain, depth + 1)
    except ValueError:
        return None


def _last_line(code: types.CodeType) -> int:
    last = max((end for _, end, _, _ in code.co_positions() if end), default=code.co_firstlineno)
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            last = max(last, _last_line(const))
    return last


def _mapped_values(task: Any) -> dict[str, Any]:
    values = getattr(getattr(task, "expand_input", None), "value", None)
    op_kwargs = getattr(getattr(task, "op_kwargs_expand_input", None), "value", None)
    found = dict(values) if isinstance(values, dict) else {}
    if isinstance(values, list | tuple):
        found["expand_kwargs"] = values
    if isinstance(op_kwargs, dict | list | tuple):
        found["op_kwargs expanded"] = op_kwargs
    return found


def _is_in_bundle(cls: type, plain: Plain) -> bool:
    module = sys.modules.get(cls.__module__)
    filename = getattr(module, "__file__", None) or ""
    return filename.startswith(plain.bundle_root + "/")


def _class_source(cls: type, plain: Plain) -> Any:
    members: dict[str, Any] = {}
    for name, member in vars(cls).items():
        function = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
        function = inspect.unwrap(function) if callable(function) else function
        if isinstance(function, types.FunctionType):
            members[name] = function_source(function=function, plain=plain)
        elif not name.startswith("_") and isinstance(member, str | int | float | tuple | list | dict | set):
            members[name] = plain.value(member)
    return members
