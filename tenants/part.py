"""The part of a tenant that a request reaches, when its caller holds what it needs for a part only.

A door says it once (`enter_part`); from then on every scope of that tenant is opened as the database role
`aerodrome_granted`, whose policies (`tenants.rls_parts`) show and take only rows of that part. So lists,
counts, pages, exports and changes are narrowed in SQL, in every view alike, without a line in any of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from uuid import UUID

KINDS = ("dag", "tag", "owner", "pool", "connection", "variable")
ROLE = "aerodrome_granted"


@dataclass(frozen=True, slots=True)
class Part:
    """`area`: the kind of rows that are narrowed (`tenants.permissions.AREAS`). `names`: by kind of grant."""

    tenant_id: UUID
    area: str
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def settings(self) -> list[tuple[str, str]]:
        """Names and values of the settings that the policies read."""
        names = [(f"app.granted_{kind}", _array(self.names.get(kind, ()))) for kind in KINDS]
        return [("app.area", self.area), *names, ("role", ROLE)]


_current: ContextVar[Part | None] = ContextVar("aerodrome_part", default=None)


def current_part() -> Part | None:
    """The part that this request reaches; None: all of the tenant."""
    return _current.get()


def enter_part(part: Part | None) -> None:
    """Narrow the scopes that are opened from here on, until the door's `narrowed` ends."""
    _current.set(part)


@contextlib.contextmanager
def narrowed() -> Iterator[None]:
    """One request: whatever part it enters is left at its end."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def is_beyond_part(error: BaseException) -> bool:
    """Whether this is Postgres' refusal of a row outside the part that the request reaches."""
    return current_part() is not None and getattr(error.__cause__, "pgcode", None) == "42501"


def _array(names: tuple[str, ...]) -> str:
    quoted = ('"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"' for name in names)
    return "{" + ",".join(quoted) + "}"
