"""Records what somebody did. Called by services in the transaction of the deed, and by doors for requests.

`record_change` says what changed, before and after: nothing of it is lost or invented, for the row commits with
the deed or not at all. Who, from where and in which request comes from `context.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from controlplane.foundation.clock import utc_now
from domain.ids import uuid7
from tenants.audit.append import Entry, append
from tenants.audit.context import AuditContext, current_context
from tenants.audit.entry import PLATFORM, canonical
from tenants.audit.redaction import clean, redact, without_credentials
from tenants.scope import TenantScopeMissing, before_commit, current_tenant, tenant_scope

Fields = Mapping[str, Any]
MOST_BYTES = 16_000
"""Of one JSON text of a row."""


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request ended, for its own row."""

    status: int

    @property
    def outcome(self) -> str:
        return "done" if self.status < 400 else "refused" if self.status < 500 else "failed"


def record_change(
    *,
    action: str,
    target: str,
    before: Fields | None = None,
    after: Fields | None = None,
    detail: Fields | None = None,
    using: str = "default",
    tenant_id: UUID | None = None,
) -> None:
    """One row on the tenant's chain, appended when the open transaction commits.

    `action`: what was done, as `member.role.changed`. `target`: what to, as `member:<id>` (its kind before the
    colon chooses which fields are hidden). `before`, `after`: the fields that changed; None: it was not there,
    is not there any more. Inside the tenant's scope on `using`; the sign-in role, which has none, names
    `tenant_id` and calls this last in its transaction. Raises TenantScopeMissing.
    """
    context = current_context()
    current = current_tenant(using=using)
    if current is not None:
        entry = _entry(context, UUID(current), action, target, before, after, detail, None)
        before_commit(_Pending(context, entry, using), using=using)
        context.pending += 1
        return
    if tenant_id is None:
        raise TenantScopeMissing(f"open the tenant's scope on {using!r}, or name the tenant")
    entry = _entry(context, tenant_id, action, target, before, after, detail, None)
    if not connections[using].in_atomic_block:
        with tenant_scope(tenant_id, using=using):
            append([entry], using=using)
        context.recorded += 1
        return
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant_id)])
        append([entry], using=using)
        cursor.execute("SELECT set_config('app.tenant_id', '', true)")
    transaction.on_commit(lambda: _committed(context), using=using)


def record_platform_change(
    *,
    action: str,
    target: str,
    before: Fields | None = None,
    after: Fields | None = None,
    detail: Fields | None = None,
    organisation_id: UUID | None = None,
) -> None:
    """One row on the platform's chain: organisations, operators, accounts. As the sign-in role, at once: in its
    open transaction (`using="auth"`) or in one of its own."""
    context = current_context()
    entry = _entry(context, PLATFORM, action, target, before, after, detail, None, organisation_id)
    _append_platform(entry)
    transaction.on_commit(lambda: _committed(context), using="auth")


def record_request(context: AuditContext, *, answered: Answered, detail: Fields | None = None) -> None:
    """The row of a request as a whole, after its answer is known, in a transaction of its own. On the chain of the
    tenant that let the actor in, otherwise on the platform's."""
    action = context.action or f"request.{context.method.lower()}"
    about = {**(detail or {}), **({"reason": context.reason} if context.reason else {})} or None
    chain = context.tenant_id or PLATFORM
    entry = _entry(context, chain, action, context.target, None, None, about, answered)
    if chain == PLATFORM:
        _append_platform(entry)
    else:
        with tenant_scope(chain):
            append([entry], using="default")
    context.recorded += 1


@dataclass(slots=True)
class _Pending:
    """An entry on its way. A savepoint that is rolled back takes it along."""

    context: AuditContext
    entry: Entry
    using: str

    def before(self) -> None:
        append([self.entry], using=self.using)

    def __call__(self) -> None:
        _committed(self.context)


def _committed(context: AuditContext) -> None:
    context.recorded += 1


def _append_platform(entry: Entry) -> None:
    open_already = connections["auth"].in_atomic_block
    with nullcontext() if open_already else transaction.atomic(using="auth"):
        append([entry], using="auth")


def _entry(
    context: AuditContext,
    chain: UUID,
    action: str,
    target: str,
    before: Fields | None,
    after: Fields | None,
    detail: Fields | None,
    answered: Answered | None,
    organisation_id: UUID | None = None,
) -> Entry:
    kind = target.partition(":")[0]
    # An audit row's instant is the platform's own, never its caller's.
    at: datetime = utc_now()
    content = {
        "id": uuid7(),
        "at": at,
        "action": clean(action, 100),
        "target": clean(without_credentials(target), 400),
        "outcome": answered.outcome if answered else "done",
        "actor_kind": context.actor_kind,
        "actor": clean(context.actor, 200),
        "actor_id": clean(context.actor_id, 64),
        "address": clean(context.address, 64),
        "request_id": clean(context.request_id, 64),
        "method": clean(context.method, 10),
        "route": clean(context.route, 300),
        "status": answered.status if answered else None,
        "before": _text(before, kind),
        "after": _text(after, kind),
        "detail": _text(detail, kind),
    }
    return Entry(chain=chain, content=content, at=at, organisation_id=organisation_id)


def _text(fields: Fields | None, kind: str) -> str | None:
    if fields is None:
        return None
    text = canonical(redact(fields, kind=kind))
    if len(text.encode()) <= MOST_BYTES:
        return text
    return canonical({"cut": True, "bytes": len(text.encode()), "fields": sorted(map(str, fields))[:200]})
