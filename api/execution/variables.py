"""`/variables/…`: read, list, set and delete the tenant's Variables."""

from __future__ import annotations

import contextlib

from django.http import HttpResponse

from api.execution import versions
from api.execution.answers import answer, done, malformed
from api.execution.bodies import VariableBody, number, read_body
from api.execution.gate import Call, Later, Rule, allow
from api.execution.secret_reads import read_secret
from controlplane.execution.attempts import Stage
from controlplane.secrets import chain, overlays, variables
from controlplane.secrets.declared import declared_names
from controlplane.secrets.variables import VariableKeyInvalid, VariableUnknown

DEFAULT_LIMIT, MAX_LIMIT = 1000, 10_000
WRITE = Rule(stage=Stage.SETTLING)


@allow(Rule(stage=Stage.SETTLING))
def keys(call: Call, key: str) -> HttpResponse | Later:
    """GET keys: names only, and only those that the task may read. Before 2026-06-30 it is a Variable of that name,
    which `key` is."""
    if (versions.negotiated(call.request.headers.get("airflow-api-version")) or "") < "2026-06-30":
        return get(call, key=key)
    limit = number(call.request, "limit", DEFAULT_LIMIT) or 0
    offset = number(call.request, "offset", 0) or 0
    if not 1 <= limit <= MAX_LIMIT:
        raise malformed(place=("query", "limit"), message=f"must be 1 to {MAX_LIMIT}")
    if offset < 0:
        raise malformed(place=("query", "offset"), message="must not be negative")
    held = chain.read()
    declared: list[str] | None = None
    if all(each["kind"] != chain.EMBEDDED for each in held.stores):
        declared = []  # what the ledger keeps is not read
    elif held.declared_only:
        declared = declared_names(task_instance=call.attempt.id, kind="variable")
    prefix = call.request.GET.get("prefix", "")
    found = variables.list_keys(prefix=prefix, limit=limit, offset=offset, declared=declared)
    return answer({"keys": found.keys, "total_entries": found.total})


@allow(Rule(stage=Stage.WHOLE))
def get(call: Call, key: str) -> HttpResponse | Later:
    """GET. What the run's deployment binds comes before what the tenant has."""

    def ledger() -> str | None:
        try:
            return variables.get(key)
        except VariableUnknown:
            return None

    return read_secret(
        call,
        kind="variable",
        name=key,
        bound=overlays.find_variable(dag_id=call.attempt.dag_id, run_id=call.attempt.run_id, key=key),
        ledger=ledger,
        absent=f"Variable with key '{key}' not found",
        shape=lambda value: {"key": key, "value": value},
    )


@allow(WRITE)
def put(call: Call, key: str) -> HttpResponse:
    """PUT: create or replace. Airflow stores no value as the text `None`."""
    body = read_body(call.request, VariableBody)
    try:
        variables.put(key=key, value=str(body.val), description=body.description, now=call.now)
    except VariableKeyInvalid as error:
        raise malformed(place=("path", "variable_key"), message=str(error)) from None
    return answer({"message": "Variable successfully set"}, status=201)


@allow(WRITE)
def delete(call: Call, key: str) -> HttpResponse:
    """DELETE: 204 also when there was none, as in Airflow."""
    with contextlib.suppress(VariableUnknown):
        variables.delete(key)
    return done()
