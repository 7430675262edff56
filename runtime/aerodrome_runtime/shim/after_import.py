"""Calls us back right after a module was executed, however it is imported. Nothing is imported early."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Adapter = Callable[[ModuleType], None]

_waiting: dict[str, list[Adapter]] = {}


class _Listener:
    """The first finder: lets the others find a watched module, then hangs the callback on its loader."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _waiting:
            return None
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                loader: Any = spec.loader
                if loader is not None:
                    loader.exec_module = functools.partial(_execute, loader.exec_module)
                return spec
        return None


def listen() -> None:
    """Start to hear imports; called once."""
    sys.meta_path.insert(0, _Listener())  # type: ignore[arg-type]


def when_imported(name: str, adapter: Adapter) -> None:
    """Call `adapter(module)` now if `name` is imported already, else right after it was."""
    module = sys.modules.get(name)
    if module is not None:
        adapter(module)
    else:
        _waiting.setdefault(name, []).append(adapter)


def _execute(original: Callable[[ModuleType], Any], module: ModuleType) -> None:
    original(module)
    for adapter in _waiting.pop(module.__name__, ()):
        adapter(module)
