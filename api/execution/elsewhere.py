"""What of Airflow's API is not served yet: task state stores, connection tests. Each answers in Airflow's own error form,
and says so.

The token is checked first, as everywhere. Where Airflow's client knows how to go on without an answer ("not
found"), it gets that answer; where it would believe that something was written, it gets 403,
which it does not try again.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from api.execution.answers import reasoned
from api.execution.gate import Call, Rule, allow
from controlplane.execution.attempts import Stage

RULE = Rule(stage=Stage.SETTLING)


@allow(RULE)
def unknown(call: Call, **path: Any) -> HttpResponse:
    """A question: there is none of it."""
    raise reasoned(404, "not_found", f"{call.request.path} is not served by this release")


@allow(RULE)
def unserved(call: Call, **path: Any) -> HttpResponse:
    """An order: it was not carried out."""
    raise reasoned(403, "not_supported", f"{call.request.path} is not served by this release")
