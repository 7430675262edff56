"""POST /connections/test, GET and POST /connections/enqueue-test, POST /connections/defaults.

Connections are tested where tasks run, not in this process: until that is switched on, the answer is Airflow's where
testing is switched off. There are no default connections: each would name a server that no tenant has.
"""

from __future__ import annotations

from typing import Any

from api.v2.connections.views import ConnectionBody
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found

DISABLED = (
    "Testing connections is disabled in Airflow configuration. Contact your deployment admin to enable it."
)
TOKEN_HEADER = "Airflow-Connection-Test-Token"  # noqa: S105  a header's name


class TestBody(ConnectionBody):
    commit_on_success: bool = False
    executor: str | None = None
    queue: str | None = None


@operation("connections.edit")
def test_connection(call: Call) -> Any:
    """Refused."""
    call.body(ConnectionBody)
    raise Refusal(403, DISABLED)


@operation("connections.edit")
def enqueue_connection_test(call: Call) -> Any:
    """Refused."""
    call.body(TestBody)
    raise Refusal(403, DISABLED)


@operation("connections.read")
def get_connection_test(call: Call) -> Any:
    """No test was ever enqueued, so no token is known."""
    token = call.http.headers.get(TOKEN_HEADER)
    if token is None:
        place = ["header", "airflow-connection-test-token"]
        raise Refusal(422, [{"type": "missing", "loc": place, "msg": "Field required", "input": None}])
    raise not_found(f"No connection test found for token: `{token}`")


@operation("connections.edit")
def create_default_connections(call: Call) -> Any:
    """Refused to everybody."""
    raise Refusal(403, "Forbidden")
