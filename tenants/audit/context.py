"""Who acts, from where, in which request: one object per request, set by the doors and read by `record.py`.

A door opens it before anybody is known and completes it as it learns more (`note_actor`, `note_tenant`). Where
nobody opened one (the scheduler, a management command) the process itself acts: `system`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

KINDS = ("person", "token", "task", "agent", "operator", "system", "anonymous")
"""Who may act. `token`: a machine with a token; `task`: a running task; `system`: a process of the platform."""


@dataclass(slots=True)
class AuditContext:
    """What is known of the request so far."""

    actor_kind: str = "anonymous"
    actor: str = ""
    actor_id: str = ""
    address: str = ""
    request_id: str = ""
    method: str = ""
    route: str = ""
    tenant_id: UUID | None = None
    """The tenant that let the actor in; None for strangers, and before it is known."""
    action: str = ""
    """What the request is, where its route does not say it (`sign-in`)."""
    target: str = ""
    reason: str = ""
    """Why an operator entered the tenant."""
    pending: int = 0
    """Rows that the running transaction will append."""
    recorded: int = 0
    """Rows of this request that are committed."""


_current: ContextVar[AuditContext | None] = ContextVar("audit_context", default=None)


@contextmanager
def audit_context(context: AuditContext) -> Iterator[AuditContext]:
    """For the time of a request, or of a piece of work that somebody asked for."""
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)


def current_context() -> AuditContext:
    """The open one, or a new one of this process."""
    return _current.get() or system_context()


def system_context(name: str = "") -> AuditContext:
    """The process acts by itself. `name`: by default the management command that runs."""
    if not name:
        words = [Path(sys.argv[0]).name, *sys.argv[1:2]] if sys.argv else []
        name = words[1] if len(words) > 1 and words[0] == "manage.py" else (words or ["python"])[0]
    return AuditContext(actor_kind="system", actor=f"system:{name}"[:200])


def note_actor(*, kind: str, name: str, actor_id: UUID | str | None = None) -> None:
    """The open request's actor is known now. Outside of a request nothing happens."""
    if kind not in KINDS:
        raise ValueError(f"there is no kind of actor '{kind}': choose one of {', '.join(KINDS)}")
    context = _current.get()
    if context is not None:
        context.actor_kind, context.actor, context.actor_id = kind, name[:200], str(actor_id or "")


def note_signed_in(user_id: UUID) -> None:
    """Somebody signed in with this request, whatever the way; a name that is known already stays."""
    context = _current.get()
    if context is not None and context.actor_kind == "anonymous":
        context.actor_kind, context.actor, context.actor_id = "person", f"user:{user_id}", str(user_id)


def note_tenant(tenant_id: UUID) -> None:
    """The actor was let into this tenant: what follows goes on its chain."""
    context = _current.get()
    if context is not None:
        context.tenant_id = tenant_id


def note_deed(*, action: str, target: str = "", reason: str = "") -> None:
    """What the request is about, for its own row: `sign-in` of `user:ada`."""
    context = _current.get()
    if context is not None:
        context.action = action or context.action
        context.target = target or context.target
        context.reason = reason or context.reason
