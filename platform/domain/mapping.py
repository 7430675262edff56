"""How many instances a mapped task expands into.

Called by `scheduler/expand.py` when the XComs a mapped task waits for may all be known.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from taskwire.dagspec import ExpandInput


class ExpandInputInvalid(ValueError):
    """The expand input is not a tree that `taskwire.dagspec.ExpandInput` describes."""


def length(expand: ExpandInput, xcom_lengths: Mapping[str, int | None]) -> int | None:
    """Number of instances, or `None` while a length it depends on is unknown.

    `xcom_lengths` maps a task id to the length of the value it returned; a missing or `None` entry is not known
    yet. As in Airflow, the key that the input names does not matter: only returned values are measured. One
    unknown length leaves the whole unknown, even beside a zero, as in Airflow (`models/expandinput.py`,
    `serialization/definitions/xcom_arg.py`). Raises `ExpandInputInvalid`.
    """
    kind = expand.kind
    if kind == "xcom":
        if expand.task_id is None:
            raise ExpandInputInvalid("an expand input of kind 'xcom' names no task_id")
        return xcom_lengths.get(expand.task_id)
    if expand.length is not None and kind in ("literal", "list"):
        return expand.length
    if kind == "literal":
        raise ExpandInputInvalid("an expand input of kind 'literal' has no length")
    lengths = [length(child, xcom_lengths) for child in expand.children]
    known = [size for size in lengths if size is not None]
    if kind in ("list", "map"):
        if len(lengths) != 1:
            raise ExpandInputInvalid(f"an expand input of kind {kind!r} has {len(lengths)} children, not one")
        return lengths[0]
    if kind not in ("product", "zip", "concat"):
        raise ExpandInputInvalid(f"an expand input of kind {kind!r} is unknown to this version")
    if len(known) < len(lengths):
        return None
    if not known:
        return 0
    if kind == "product":
        return prod(known)
    if kind == "concat":
        return sum(known)
    return max(known) if expand.fill else min(known)


def xcom_sources(expand: ExpandInput) -> set[str]:
    """Every task whose returned value's length `length` asks for."""
    found: set[str] = set()
    if expand.kind == "xcom" and expand.task_id is not None:
        found.add(expand.task_id)
    if expand.kind != "list" or expand.length is None:
        for child in expand.children:
            found |= xcom_sources(child)
    return found
