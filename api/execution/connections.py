"""`/connections/{id}`: with its secrets, for the task that runs."""

from __future__ import annotations

from django.http import HttpResponse

from api.execution.answers import answer, not_found
from api.execution.gate import Call, Rule, allow
from controlplane.execution.attempts import Stage
from controlplane.secrets import connections
from controlplane.secrets.connections import ConnectionUnknown


@allow(Rule(stage=Stage.WHOLE))
def get(call: Call, connection_id: str) -> HttpResponse:
    """GET."""
    try:
        return answer(connections.get(connection_id))
    except ConnectionUnknown as error:
        raise not_found(str(error)) from None
