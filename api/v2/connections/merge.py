"""Puts secrets back where a caller sends the mask that it was shown, so that an edit does not store `***`."""

from __future__ import annotations

import json
from typing import Any

from controlplane.secrets.masking import MASK, is_sensitive


def merge_masked(given: str | None, held: str | None) -> str | None:
    """`given` (JSON text) with every masked value under a telling name replaced by the held one."""
    if given is None or held is None:
        return given
    try:
        return json.dumps(_merge(json.loads(given), json.loads(held), hidden=False))
    except ValueError:
        return given


def _merge(given: Any, held: Any, *, hidden: bool) -> Any:
    if isinstance(given, dict):
        old = held if isinstance(held, dict) else {}
        return {
            key: _merge(value, old.get(key), hidden=hidden or is_sensitive(key))
            for key, value in given.items()
        }
    if isinstance(given, list):
        old_list = held if isinstance(held, list) else []
        padded = [*old_list, *[None] * len(given)]
        return [_merge(value, padded[index], hidden=hidden) for index, value in enumerate(given)]
    return held if hidden and given == MASK and held is not None else given
