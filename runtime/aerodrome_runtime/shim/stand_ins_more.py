"""More small things of Airflow 2 without a successor; those of single constants and of few lines."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

SHUTDOWN = "shutdown"
"""A state that no task has any more."""

terminating_states = frozenset({SHUTDOWN, "restarting"})
MAX_XCOM_SIZE = 49344
AUTO = "auto"


def __getattr__(name: str) -> bool:
    """`PY36` … `PY312`: whether Python is at least that."""
    if name.startswith("PY3") and name[3:].isdigit():
        return sys.version_info >= (3, int(name[3:]))
    raise AttributeError(name)


def scale_time_units(time_seconds_arr: list[float], unit: str) -> list[float]:
    """Durations in seconds as durations in `unit`."""
    divisor = {"minutes": 60, "hours": 3600, "days": 86400}.get(unit, 1)
    return [seconds / divisor for seconds in time_seconds_arr]


def mkdirs(path: str, mode: int) -> None:
    """Make a folder and those above it."""
    Path(path).mkdir(mode=mode, parents=True, exist_ok=True)


def as_tuple(obj: Any) -> tuple[Any, ...]:
    """`obj` as a tuple: its items when it is a list or a tuple, else alone."""
    return tuple(obj) if isinstance(obj, list | tuple) else (obj,)


def reduce_in_chunks(
    fn: Callable[[Any, list[Any]], Any], iterable: Any, initializer: Any, chunk_size: int = 0
) -> Any:
    """Fold `iterable` in lists of at most `chunk_size` items; all at once when it is 0."""
    items = list(iterable)
    if not items:
        return initializer
    size = chunk_size or len(items)
    return reduce(fn, (items[start : start + size] for start in range(0, len(items), size)), initializer)


def apply_lineage(func: Any) -> Any:
    """Nothing to do: inlets and outlets are the platform's to record."""
    return func


def prepare_lineage(func: Any) -> Any:
    """Nothing to do: inlets and outlets are the platform's to record."""
    return func


class Singleton(type):
    """A metaclass that makes one object per class."""

    _made: dict[type, Any] = {}

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls not in Singleton._made:
            Singleton._made[cls] = super().__call__(*args, **kwargs)
        return Singleton._made[cls]


for _function, _spelling in (
    (scale_time_units, "a division"),
    (mkdirs, "pathlib.Path(path).mkdir(parents=True, exist_ok=True)"),
    (as_tuple, "tuple(values)"),
    (reduce_in_chunks, "itertools.batched"),
    (apply_lineage, "remove the decorator"),
    (prepare_lineage, "remove the decorator"),
    (Singleton, "functools.cache around a function that makes the object"),
):
    setattr(_function, "modern_spelling", _spelling)  # noqa: B010
