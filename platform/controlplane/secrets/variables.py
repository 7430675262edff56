"""Airflow's Variables of the tenant in scope, sealed at rest. Every call runs inside `tenant_scope`.

Callers: `api/v2`, `api/execution`, the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.variable import Variable
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from controlplane.secrets.embedded import KeyGone
from domain.ids import uuid7
from tenants.audit.difference import held, record_difference
from tenants.scope import current_tenant

KEY_LENGTH = 250


class VariableUnknown(LookupError):
    """The tenant in scope has no Variable of this key."""


class VariableKeyInvalid(ValueError):
    """The key is empty or too long."""


@dataclass(frozen=True)
class Keys:
    """One page of keys, and how many there are in all."""

    keys: list[str]
    total: int


def get(key: str, *, using: str = "default") -> str:
    """The value. Raises VariableUnknown, SealBroken, KeyUnavailable."""
    try:
        return _get(key, using)
    except KeyGone:
        return _get(key, using)


def value_of(row: Variable) -> str:
    """The value of a row that the caller has read (lists with filters and pages are the API's)."""
    try:
        return _open(row_id=row.id, sealed=bytes(row.sealed))
    except KeyGone:
        row.refresh_from_db(fields=["sealed"])
        return _open(row_id=row.id, sealed=bytes(row.sealed))


def put(*, key: str, value: str, description: str | None, now: datetime) -> bool:
    """Create it or replace value and description. True when it is new. Raises VariableKeyInvalid."""
    if not key or len(key) > KEY_LENGTH:
        raise VariableKeyInvalid(f"A Variable's key has 1 to {KEY_LENGTH} characters, not {len(key)}.")
    before = held(Variable.objects.filter(key=key).first())
    # The row comes first, empty: the seal is bound to its id.
    [(row_id, is_new)] = execute("secrets/sql/place_variable.sql", id=uuid7(), key=key, now=now)
    sealed = store.current().seal(plain=value.encode(), place=_place(row_id))
    execute("secrets/sql/fill_variable.sql", id=row_id, sealed=sealed, description=description)
    after = {"id": row_id, "key": key, "sealed": sealed, "description": description}
    _record("variable.made" if is_new else "variable.changed", key, before, after)
    return bool(is_new)


def delete(key: str) -> None:
    """Raises VariableUnknown."""
    before = held(Variable.objects.filter(key=key).first())
    if not execute("secrets/sql/delete_variable.sql", key=key):
        raise VariableUnknown(f"Variable with key '{key}' not found")
    _record("variable.deleted", key, before, None)


def list_keys(
    *, prefix: str = "", limit: int, offset: int = 0, declared: Sequence[str] | None = None
) -> Keys:
    """Keys that start with `prefix`, in order; with `declared` only those that it names (`team_*`: all that begin so)."""
    rows = execute(
        "secrets/sql/list_variable_keys.sql",
        prefix=prefix,
        limit=limit,
        offset=offset,
        declared=None if declared is None else list(declared),
    )
    return Keys(keys=[key for key, _ in rows if key is not None], total=rows[0][1])


def _record(action: str, key: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    record_difference(action=action, target=f"variable:{key}", table=Variable, before=before, after=after)


def _get(key: str, using: str) -> str:
    rows = execute("secrets/sql/get_variable.sql", using=using, key=key)
    if not rows:
        raise VariableUnknown(f"Variable with key '{key}' not found")
    return _open(row_id=rows[0][0], sealed=bytes(rows[0][1]), using=using)


def _place(row_id: UUID, using: str = "default") -> Place:
    return Place(
        tenant_id=UUID(current_tenant(using=using)), table="variable", column="sealed", row_id=row_id
    )


def _open(*, row_id: UUID, sealed: bytes, using: str = "default") -> str:
    return store.current().open(sealed=sealed, place=_place(row_id, using), using=using).decode()
