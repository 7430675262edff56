"""`/connection-tests/…`: of workers that try a connection out, who have a token for that and no task.

Airflow refuses the token of a task there. Tests of connections reach agents by their own door here, with the connection
in the order (`controlplane.secrets.connection_tests`), so no such token is ever issued: every token is a task's, and
gets Airflow's answer to it.
"""

from __future__ import annotations

from django.http import HttpResponse

from api.execution.answers import Refusal
from api.execution.gate import Call, Rule, allow
from controlplane.execution.attempts import Stage

RULE = Rule(stage=Stage.SETTLING)
REFUSED = "Token type 'execution' not allowed for this endpoint. Allowed types: workload"


@allow(RULE)
def asked(call: Call, test_id: str) -> HttpResponse:
    """GET connection."""
    raise Refusal(403, REFUSED)


@allow(RULE)
def told(call: Call, test_id: str) -> HttpResponse:
    """PATCH."""
    raise Refusal(403, REFUSED)
