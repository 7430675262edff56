"""PATCH /variables: many are made, changed or deleted in one request."""

from __future__ import annotations

from typing import Any

from api.v2.bulk import BulkBody, BulkCreate, BulkDelete, BulkUpdate, Outcome, Results, missing_or_all
from api.v2.operation import Call, operation
from api.v2.variables.views import VariableBody, write
from controlplane.ledger.models.variable import Variable
from controlplane.secrets import variables


@operation("variables.edit", event="bulk_variables")
def bulk_variables(call: Call) -> Any:
    """Each action as a whole or not at all where it says `fail`."""
    outcome = Outcome()
    for action in call.body(BulkBody[VariableBody]).actions:
        results = outcome.of(action.action)
        keys = [one if isinstance(one, str) else one.key for one in action.entities]
        held = {row.key: row for row in Variable.objects.filter(key__in=keys)}
        if isinstance(action, BulkCreate):
            _create(call, action, held, results)
        elif isinstance(action, BulkUpdate):
            _update(call, action, held, results)
        else:
            _delete(action, keys, held, results)
    return outcome.answer()


def _create(
    call: Call, action: BulkCreate[VariableBody], held: dict[str, Variable], results: Results
) -> None:
    if held and action.action_on_existence == "fail":
        results.fail(409, f"The variables with these keys: {set(held)} already exist.")
        return
    for body in action.entities:
        if body.key in held and action.action_on_existence == "skip":
            continue
        try:
            variables.put(key=body.key, value=body.text(), description=body.description, now=call.now)
        except variables.VariableKeyInvalid as error:
            results.fail(400, str(error))
        else:
            results.success.append(body.key)


def _update(
    call: Call, action: BulkUpdate[VariableBody], held: dict[str, Variable], results: Results
) -> None:
    mask = set(action.update_mask or [])
    if "key" in mask:
        told = "Update not allowed: the following fields are immutable and cannot be modified: {'key'}"
        results.fail(400, told)
        return
    keys = [body.key for body in action.entities]
    if not missing_or_all(keys, held, action, results, "The variables with these keys: {} were not found."):
        return
    for body in action.entities:
        if (row := held.get(body.key)) is not None:
            write(call, row, body, mask)
            results.success.append(body.key)


def _delete(
    action: BulkDelete[VariableBody], keys: list[str], held: dict[str, Variable], results: Results
) -> None:
    if not missing_or_all(keys, held, action, results, "The variables with these keys: {} were not found."):
        return
    for key in sorted(held):
        variables.delete(key)
        results.success.append(key)
