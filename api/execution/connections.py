"""`/connections/{id}`: with its secrets, for the task that runs."""

from __future__ import annotations

from django.http import HttpResponse

from api.execution.answers import answer, not_found
from api.execution.gate import Call, Rule, allow
from controlplane.execution.attempts import Stage
from controlplane.secrets import connections, overlays
from controlplane.secrets.connections import ConnectionUnknown


@allow(Rule(stage=Stage.WHOLE))
def get(call: Call, connection_id: str) -> HttpResponse:
    """GET. What the run's deployment binds comes before what the tenant has."""
    run = {"dag_id": call.attempt.dag_id, "run_id": call.attempt.run_id}
    if (bound := overlays.find_connection(**run, conn_id=connection_id)) is not None:
        return answer(bound)
    try:
        return answer(connections.get(connection_id))
    except ConnectionUnknown as error:
        raise not_found(str(error)) from None
