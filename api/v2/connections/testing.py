"""POST /connections/test, GET and POST /connections/enqueue-test, POST /connections/defaults.

Connections are tested where tasks run, in the tenant's runtime and with a network that reaches public addresses only;
this process connects nowhere. What is held of the connection (in the tenant's chain of stores) is asked for outside of
the transaction, and stands in for what the body leaves out or masks, as in Airflow: for its own host and port only.
There are no default connections: each would name a server that no tenant has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpResponseBase

from api.json_answers import json_answer
from api.v2.connections.merge import merge_masked
from api.v2.connections.views import ConnectionBody
from api.v2.operation import Call, Later, operation
from api.v2.refusals import Refusal, already_there, not_found
from controlplane.foundation.clock import utc_now
from controlplane.foundation.rate_counter import WINDOW_SECONDS, count_in_minute
from controlplane.ledger.models.connection_test import ACTIVE, ConnectionTest
from controlplane.runs.await_run import TooManyWait, looks
from controlplane.secrets import chain, connection_tests, connections
from controlplane.secrets.contract import KeyUnavailable
from controlplane.secrets.masking import MASK
from tenants.part import current_part
from tenants.scope import tenant_scope

DISABLED = (
    "Testing connections is disabled in Airflow configuration. Contact your deployment admin to enable it."
)
OTHER_PLACE = (
    "The host or port to test differs from the stored connection. "
    "Include the credentials to test in the request body."
)
TOKEN_HEADER = "Airflow-Connection-Test-Token"  # noqa: S105  a header's name
EXECUTORS = ("local", "LocalExecutor")
MOST_IN_MINUTE = 20
WAIT_SECONDS = 30.0
LOOK_SECONDS = 0.25


class TestBody(ConnectionBody):
    commit_on_success: bool = False
    executor: str | None = None
    queue: str | None = None


@operation(
    "connections.edit", event="test_connection", records=("connection_id", "conn_type", "host", "port")
)
def test_connection(call: Call) -> Any:
    """What the connection's hook says, once an agent has asked it."""
    body = _body(call, ConnectionBody)
    tenant_id, by = call.access.tenant_id, call.access.name

    def make(given: dict[str, Any]) -> HttpResponseBase:
        try:
            with tenant_scope(tenant_id):
                asked = connection_tests.ask(connection=given, by=by, now=utc_now())
        except (connection_tests.NobodyTests, connection_tests.TooManyTests) as error:
            return json_answer(_not_tested(str(error)))
        return json_answer(_waited_for(tenant_id, asked.id))

    return Later(_with_what_is_held(call, body, make))


@operation(
    "connections.edit",
    event="enqueue_connection_test",
    records=("connection_id", "conn_type", "host", "port", "commit_on_success"),
)
def enqueue_connection_test(call: Call) -> Any:
    """A token to ask with how it went."""
    body = _body(call, TestBody)
    if body.executor is not None and body.executor not in EXECUTORS:
        told = f"Executor '{body.executor}' is not configured. Configured executors: ['{EXECUTORS[0]}']"
        raise Refusal(422, told)
    tenant_id, by = call.access.tenant_id, call.access.name

    def make(given: dict[str, Any]) -> HttpResponseBase:
        with tenant_scope(tenant_id):
            asked = connection_tests.ask(
                connection=given,
                by=by,
                now=utc_now(),
                is_polled=True,
                commit_on_success=body.commit_on_success,
            )
        told = {"token": asked.token, "connection_id": body.connection_id, "state": "pending"}
        return json_answer(told, status=202)

    return Later(_with_what_is_held(call, body, make))


@operation("connections.read")
def get_connection_test(call: Call) -> Any:
    """How far it is, for whoever has its token."""
    token = call.http.headers.get(TOKEN_HEADER)
    if token is None:
        place = ["header", "airflow-connection-test-token"]
        raise Refusal(422, [{"type": "missing", "loc": place, "msg": "Field required", "input": None}])
    row = connection_tests.of_token(token, now=call.now)
    if row is None:
        raise not_found(f"No connection test found for token: `{token}`")
    return {
        "token": token,
        "connection_id": row.conn_id,
        "state": row.state,
        "result_message": row.message,
        "created_at": row.created_at,
    }


@operation("connections.edit")
def create_default_connections(call: Call) -> Any:
    """Refused to everybody."""
    raise Refusal(403, "Forbidden")


def _body(call: Call, model: type[Any]) -> Any:
    """The body, where testing is switched on and this tenant has not asked too often."""
    body = call.body(model)
    if settings.TEST_CONNECTION != "Enabled":
        raise Refusal(403, DISABLED)
    now = call.now.timestamp()
    count = count_in_minute(key=f"connection-test:{call.access.tenant_id}", now=now)
    if count is not None and count > MOST_IN_MINUTE:
        told = f"a tenant may ask for {MOST_IN_MINUTE} tests of connections a minute"
        raise Refusal(429, told, {"Retry-After": str(WINDOW_SECONDS - int(now) % WINDOW_SECONDS)})
    return body


def _with_what_is_held(
    call: Call, body: ConnectionBody, make: Callable[[dict[str, Any]], HttpResponseBase]
) -> Callable[[], HttpResponseBase]:
    """`make` with the whole connection, outside of the request's transaction; its refusals as answers.

    Whoever's grants reach a part of the tenant tests connections of that part, as the ledger has them.
    """
    tenant_id, name = call.access.tenant_id, body.connection_id
    held: dict[str, Any] | None = None
    planned: chain.Plan | None = None
    if current_part() is not None:
        held = _from_ledger(name)
        if held is None:
            raise Refusal(403, "Forbidden")
    else:
        planned = chain.plan(chain.read(), kind="connection", name=name)

    def from_ledger() -> dict[str, Any] | None:
        with tenant_scope(tenant_id):
            return _from_ledger(name)

    def answer() -> HttpResponseBase:
        found = held
        if planned is not None and (resolved := planned.resolve(ledger=from_ledger)) is not None:
            found = resolved.value
        try:
            return make(_merged(body, found))
        except Refusal as refusal:
            return refusal.answer()
        except (connection_tests.TestUnderWay, connection_tests.TooManyTests) as error:
            return Refusal(409, str(error)).answer()
        except IntegrityError as error:
            return already_there(error).answer()
        except KeyUnavailable as error:
            return Refusal(503, f"The connection cannot be sealed for its test: {error}").answer()

    return answer


def _from_ledger(name: str) -> dict[str, Any] | None:
    try:
        return connections.get(name)
    except connections.ConnectionUnknown:
        return None


def _merged(body: ConnectionBody, held: dict[str, Any] | None) -> dict[str, Any]:
    """The body, with what is held where it says nothing or sends a mask. Raises Refusal when held credentials would go
    to another place than the one they are held for."""
    given = {
        "conn_id": body.connection_id,
        "conn_type": body.conn_type,
        "host": body.host,
        "schema": body.schema_,
        "login": body.login,
        "password": body.password,
        "port": body.port,
        "extra": body.extra,
    }
    if held is None:
        return given
    fields = {"schema" if name == "schema_" else name for name in body.model_fields_set}
    if any(name in fields and (given[name] or None) != (held[name] or None) for name in ("host", "port")):
        if body.password in (None, "", MASK):
            raise Refusal(400, OTHER_PLACE)
        return given
    merged = {name: given[name] if name in fields else held.get(name) for name in given}
    merged |= {"conn_id": body.connection_id, "conn_type": body.conn_type}
    if body.password == MASK:
        merged["password"] = held["password"]
    if "extra" in fields:
        merged["extra"] = merge_masked(body.extra, held["extra"])
    return merged


def _waited_for(tenant_id: UUID, ref: UUID) -> dict[str, Any]:
    """Airflow's answer, when the test is over, or when it is not waited for any longer."""

    def look() -> tuple[ConnectionTest | None, bool]:
        with tenant_scope(tenant_id):
            row = connection_tests.look(ref)
        return row, row is None or row.state not in ACTIVE

    try:
        *_, row = looks(look, interval_seconds=LOOK_SECONDS, seconds=WAIT_SECONDS)
    except TooManyWait:
        _let_go(tenant_id, ref, "too many requests wait at the moment")
        return _not_tested("too many requests wait at the moment; enqueue the test and ask for its state")
    if row is not None and row.state not in ACTIVE:
        return {"status": row.state == "success", "message": row.message or ""}
    _let_go(tenant_id, ref, f"nobody waits for it any more after {WAIT_SECONDS:g} s")
    if row is not None and row.state == "running":
        return _not_tested(f"its test did not end within {WAIT_SECONDS:g} s")
    return _not_tested(f"no agent took the test within {WAIT_SECONDS:g} s; try again")


def _not_tested(why: str) -> dict[str, Any]:
    """Airflow's description of this operation knows no other way to say it."""
    return {"status": False, "message": f"The connection was not tested: {why}."}


def _let_go(tenant_id: UUID, ref: UUID, reason: str) -> None:
    with tenant_scope(tenant_id):
        connection_tests.give_up(ref=ref, reason=reason, now=utc_now())
