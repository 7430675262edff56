"""How a task reads a connection or Variable: what its deployment binds, then its tenant's chain of stores.

Stores outside are asked when the transaction is over, so that a slow one holds no database connection. A store that
fails is told as what it is (503, a stable reason), and nothing else is asked instead. Every read leaves an audit row:
who (DAG, run, task, try), what, from which store, how it ended; never the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse

from api.execution.answers import answer, not_found, reasoned
from api.execution.gate import Call, Later
from controlplane.foundation.clock import utc_now
from controlplane.ledger import alerting
from controlplane.secrets import chain
from controlplane.secrets.declared import NotDeclared, require_declared
from controlplane.secrets.source import Kind, SourceFailed
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

DEPLOYMENT = "deployment"


def read_secret(
    call: Call,
    *,
    kind: Kind,
    name: str,
    bound: Any,
    ledger: Callable[[], Any],
    absent: str,
    shape: Callable[[Any], Any],
) -> HttpResponse | Later:
    """`bound`: what the deployment says, or None. `ledger` reads the embedded store: None when absent, which is told
    as `absent`. `shape` makes the answer's body of a value."""
    asker = (call.attempt.id, call.claims.epoch)
    held = chain.read()
    if held.declared_only:
        try:
            require_declared(task_instance=call.attempt.id, kind=kind, name=name)
        except NotDeclared as error:
            message = str(error)
            return Later(lambda: _refuse(call, kind, name, message))
    if bound is not None:
        _record(call, kind, name, DEPLOYMENT, "read")
        return answer(shape(bound))
    planned = chain.plan(held, kind=kind, name=name)
    if planned.is_local:
        value = ledger() if planned.steps else None
        _record(call, kind, name, chain.EMBEDDED, "absent" if value is None else "read")
        if value is None:
            return Later(lambda: _raise(not_found(absent)))
        return answer(shape(value))

    def from_ledger() -> Any:
        with tenant_scope(call.claims.tenant_id):
            return ledger()

    def ask() -> HttpResponse:
        try:
            found = planned.resolve(ledger=from_ledger, asker=asker)
        except SourceFailed as error:
            with tenant_scope(call.claims.tenant_id):
                _record(call, kind, name, error.source, "failed", reason=error.code)
                alerting.tell(
                    kind="secret_failed",
                    subject=f"{kind} {name}",
                    dag_id=call.attempt.dag_id,
                    detail={"reason": f"{error.source}: {error.code}", "task_id": call.attempt.task_id},
                    now=utc_now(),
                )
            message = f"The {kind} {name!r} cannot be read from the secret store {error.source!r}: {error}"
            raise reasoned(503, error.code, message, store=error.source) from None
        with tenant_scope(call.claims.tenant_id):
            _record(call, kind, name, found.store if found else "", "read" if found else "absent")
        if found is None:
            raise not_found(absent)
        return answer(shape(found.value))

    return Later(ask)


def _refuse(call: Call, kind: Kind, name: str, message: str) -> HttpResponse:
    with tenant_scope(call.claims.tenant_id):
        _record(call, kind, name, "", "refused", reason="not-declared")
    raise reasoned(403, "not_declared", message)


def _raise(refusal: Exception) -> HttpResponse:
    raise refusal


def _record(
    call: Call, kind: Kind, name: str, store: str, outcome: str, *, reason: str | None = None
) -> None:
    attempt = call.attempt
    about = {
        "dag_id": attempt.dag_id,
        "run_id": attempt.run_id,
        "task_id": attempt.task_id,
        "map_index": attempt.map_index,
        "try_number": call.claims.try_number,
        "callback": None if call.claims.callback is None else str(call.claims.callback),
        "store": store or None,
        "outcome": outcome,
        "reason": reason,
    }
    detail = {key: value for key, value in about.items() if value is not None}
    record_change(action=f"{kind}.read", target=f"{kind}:{name}", detail=detail)
