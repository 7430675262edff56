"""Any Python value as plain JSON data that is the same in every process and every folder.

No memory address, no hash order and no path of the machine may reach a spec: a DAG version is a hash of it.
Called by every file of this package. A value that has no plain form is told by its class name.
"""

from __future__ import annotations

import datetime
import enum
import functools
import os
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

BUNDLE_MARK = "${BUNDLE}"
"""Stands for the folder the bundle was unpacked to, which differs from agent to agent."""

MAX_DEPTH = 12

_GENERATED_MODULE = re.compile(r"unusual_prefix_[0-9a-f]{40}_")


@dataclass(frozen=True)
class Plain:
    """Tells values of one bundle. `bundle_root` is the absolute folder, without a trailing separator."""

    bundle_root: str

    def text(self, value: str) -> str:
        """`value` without the bundle's folder and without the module names that Airflow derives from it."""
        if self.bundle_root in value:
            value = value.replace(self.bundle_root, BUNDLE_MARK)
        if "unusual_prefix_" in value:
            value = _GENERATED_MODULE.sub("", value)
        return value

    def module(self, value: Any) -> str:
        """The module that defines a class or function, as the author knows it."""
        return self.text(str(getattr(value, "__module__", None) or ""))

    def path(self, value: Any) -> str:
        """Dotted path of a class or function."""
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        if name is None:
            return self.path(type(value))
        module = self.module(value)
        return f"{module}.{name}" if module else str(name)

    def value(self, value: Any, *, depth: int = 0) -> Any:
        """`value` as None, bool, int, float, str, list or dict; sets sorted, objects told by their class."""
        if value is None or type(value) in (bool, int):
            return value
        if isinstance(value, enum.Enum):
            return self.value(value.value, depth=depth + 1)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, str):
            return self.text(str(value))
        if isinstance(value, float):
            return float(value) if value == value and abs(value) != float("inf") else repr(float(value))
        if isinstance(value, bytes):
            return self.text(value.decode("utf-8", "backslashreplace"))
        if depth > MAX_DEPTH:
            return "…"
        if isinstance(value, datetime.datetime | datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, Mapping):
            return {self.key(k): self.value(v, depth=depth + 1) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(v, depth=depth + 1) for v in value]
        if isinstance(value, Set):
            return sorted((self.value(v, depth=depth + 1) for v in value), key=repr)
        return self._object(value, depth)

    def key(self, value: Any) -> str:
        """A mapping's key as text."""
        plain = self.value(value, depth=MAX_DEPTH)
        return plain if isinstance(plain, str) else repr(plain)

    def _object(self, value: Any, depth: int) -> Any:
        references = getattr(value, "iter_references", None)
        if callable(references) and not isinstance(value, type):
            try:
                found = [f"{operator.task_id}.{key}" for operator, key in references()]
            except Exception:
                found = []
            return {type(value).__name__: found}
        if isinstance(value, functools.partial):
            parts = {"args": value.args, "kwargs": value.keywords}
            return {f"partial {self.path(value.func)}": self.value(parts, depth=depth + 1)}
        if isinstance(value, os.PathLike) and not hasattr(value, "uri"):
            return self.text(os.fsdecode(value))
        if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
            return self.path(value)
        if hasattr(value, "uri") and hasattr(value, "name"):
            return {type(value).__name__: [str(value.name), self.text(str(value.uri))]}
        return self.path(type(value))
