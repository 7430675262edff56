"""Lets old import paths be imported: whole modules that are gone, and names gone from those that remain."""

from __future__ import annotations

import importlib
import importlib.machinery
import operator
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from aerodrome_runtime.shim import after_import, uses
from aerodrome_runtime.shim.moved_names import MOVED
from aerodrome_runtime.shim.moved_table import REFUSED

_PACKAGES = {
    ".".join(parts[:n]) for name in MOVED for parts in [name.split(".")] for n in range(2, len(parts))
}

_OLD_PARTS = (".operators", ".datasets")
"""Packages that may be made inside of an installed provider: those that providers dropped whole."""


class NameRefused(ImportError):
    """A file asks for something of Airflow 2 that cannot work here; the message says why."""


class MovedModules:
    """A finder behind all others: makes an empty module of each old name that nothing else provides.

    A provider that is not installed stays missing: only modules inside an installed one are made. Airflow's own
    packages do not see them, because they tell versions apart by what can be imported.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in MOVED and fullname not in _PACKAGES:
            return None
        if _asked_by_airflow():
            return None
        is_package = fullname in _PACKAGES
        if is_package and fullname.startswith("airflow.providers") and not fullname.endswith(_OLD_PARTS):
            return None
        loader: Any = _EmptyLoader()
        return importlib.machinery.ModuleSpec(fullname, loader, is_package=is_package)


class _EmptyLoader:
    """One per module: `after_import` hangs its callback on it."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its names, looked up when they are asked for."""
        _teach(module)


def watch_existing() -> None:
    """Add the gone names to each module of `MOVED` that Airflow still has, as soon as it is imported.

    Airflow makes some old modules without the import system, when their package is imported: hence the
    parents.
    """
    for name in MOVED:
        after_import.when_imported(name, _teach)
        parent = name.rpartition(".")[0]
        after_import.when_imported(parent, lambda _, name=name: _teach_made(name))  # type: ignore[misc]


def _asked_by_airflow() -> bool:
    frame = sys._getframe(2)
    while frame is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith("airflow."):
            return True
        if not name.startswith(("importlib", "aerodrome_runtime.shim.after_import")):
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _teach_made(name: str) -> None:
    module = sys.modules.get(name)
    if module is not None:
        _teach(module)


def _teach(module: ModuleType) -> None:
    if getattr(module.__dict__.get("__getattr__"), "_is_shim", False):
        return
    before = module.__dict__.get("__getattr__")
    names = MOVED.get(module.__name__, {})

    def look_up(name: str) -> Any:
        target = names.get(name) or ("" if name.startswith("__") else names.get("*", ""))
        if not target:
            if before is not None:
                return before(name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
        return _resolve(module.__name__, name, target)

    look_up._is_shim = True  # type: ignore[attr-defined]
    module.__dict__["__getattr__"] = look_up


def _resolve(module: str, name: str, target: str) -> Any:
    if target.startswith(REFUSED):
        raise NameRefused(f"{module}.{name} cannot work here: {target[1:].strip()}", name=module)
    home, _, new_name = target.partition(":")
    new_name = name if new_name in ("", "*") else new_name
    try:
        found = operator.attrgetter(new_name)(importlib.import_module(home))
    except ModuleNotFoundError as error:
        if f"{home}.".startswith(f"{error.name}."):
            raise ModuleNotFoundError(f"No module named {home!r}", name=home) from None
        raise
    uses.record(
        code="import",
        message=f"{module}.{name} is Airflow 2's place for it",
        hint=getattr(found, "modern_spelling", None) or _spelling(home, new_name),
        is_direct=True,
    )
    return found


def _spelling(home: str, name: str) -> str:
    first, *rest = name.split(".")
    return f"from {home} import {first}" + (f"; {name}" if rest else "")
