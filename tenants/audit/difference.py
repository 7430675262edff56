"""The audit row of one database row: what it held before, what it holds now, only what differs, secrets masked.

`fields.py` declares for every table which fields may be seen; what it does not declare is masked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from tenants.audit.fields import is_plain
from tenants.audit.record import record_change
from tenants.audit.redaction import MASK, NEW


def held(row: models.Model | None) -> dict[str, Any] | None:
    """A copy of the row's own columns, secrets included: to be compared, never to be kept."""
    if row is None:
        return None
    return {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}


def record_difference(
    *,
    action: str,
    target: str,
    table: type[models.Model],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    using: str = "default",
) -> None:
    """`before` and `after` from `held`, one of them None when the row was made or is gone. Inside the tenant's scope."""
    name = table._meta.db_table
    old, new = shown(name, before, after)
    record_change(action=action, target=target, before=old, after=new, using=using)


def shown(
    table: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Both sides, without what is the same in both, without ids, with secrets masked."""
    if before is not None and after is not None:
        names = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    else:
        names = set(before or after or {})
    names -= {"id", "tenant"}
    return _side(table, before, names, MASK), _side(table, after, names, MASK if before is None else NEW)


def _side(table: str, fields: Mapping[str, Any] | None, names: set[str], mask: str) -> dict[str, Any] | None:
    if fields is None:
        return None
    return {
        name: value if value is None or is_plain(table, name, value) else mask
        for name, value in sorted(fields.items())
        if name in names
    }
