"""`/connections/{id}`: with its secrets, for the task that runs."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from api.execution.gate import Call, Later, Rule, allow
from api.execution.secret_reads import read_secret
from controlplane.execution.attempts import Stage
from controlplane.secrets import connections, overlays
from controlplane.secrets.connections import ConnectionUnknown


@allow(Rule(stage=Stage.WHOLE))
def get(call: Call, connection_id: str) -> HttpResponse | Later:
    """GET. What the run's deployment binds comes before what the tenant has."""
    run = {"dag_id": call.attempt.dag_id, "run_id": call.attempt.run_id}

    def ledger() -> dict[str, Any] | None:
        try:
            return connections.get(connection_id)
        except ConnectionUnknown:
            return None

    return read_secret(
        call,
        kind="connection",
        name=connection_id,
        bound=overlays.find_connection(**run, conn_id=connection_id),
        ledger=ledger,
        absent=f"Connection with ID {connection_id} not found",
        shape=lambda value: value,
    )
