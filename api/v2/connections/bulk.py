"""PATCH /connections: many are made, changed or deleted in one request."""

from __future__ import annotations

from typing import Any

from api.v2.bulk import BulkBody, BulkCreate, BulkDelete, BulkUpdate, Outcome, Results, missing_or_all
from api.v2.connections.views import ConnectionBody, change, put
from api.v2.operation import Call, operation
from controlplane.ledger.models.connection import Connection
from controlplane.secrets import connections

_MISSING = "The connections with these connection_ids: {} were not found."


@operation("connections.edit", event="bulk_connections")
def bulk_connections(call: Call) -> Any:
    """Each action as a whole or not at all where it says `fail`."""
    outcome = Outcome()
    for action in call.body(BulkBody[ConnectionBody]).actions:
        results = outcome.of(action.action)
        ids = [one if isinstance(one, str) else one.connection_id for one in action.entities]
        held = {row.conn_id: row for row in Connection.objects.filter(conn_id__in=ids)}
        if isinstance(action, BulkCreate):
            _create(call, action, held, results)
        elif isinstance(action, BulkUpdate):
            _update(call, action, held, results)
        else:
            _delete(action, ids, held, results)
    return outcome.answer()


def _create(
    call: Call, action: BulkCreate[ConnectionBody], held: dict[str, Connection], results: Results
) -> None:
    if held and action.action_on_existence == "fail":
        results.fail(409, f"The connections with these connection_ids: {set(held)} already exist.")
        return
    for body in action.entities:
        row = held.get(body.connection_id)
        if row is None:
            put(call, body)
        elif action.action_on_existence == "overwrite":
            change(call, row, body, ())
        else:
            continue
        results.success.append(body.connection_id)


def _update(
    call: Call, action: BulkUpdate[ConnectionBody], held: dict[str, Connection], results: Results
) -> None:
    if not missing_or_all([body.connection_id for body in action.entities], held, action, results, _MISSING):
        return
    for body in action.entities:
        if (row := held.get(body.connection_id)) is not None:
            change(call, row, body, action.update_mask or ())
            results.success.append(body.connection_id)


def _delete(
    action: BulkDelete[ConnectionBody], ids: list[str], held: dict[str, Connection], results: Results
) -> None:
    if not missing_or_all(ids, held, action, results, _MISSING):
        return
    for conn_id in sorted(held):
        connections.delete(conn_id)
        results.success.append(conn_id)
