"""PATCH /pools: many are made, changed or deleted in one request."""

from __future__ import annotations

from typing import Any

from api.v2.bulk import BulkBody, BulkCreate, BulkDelete, BulkUpdate, Outcome, Results, missing_or_all
from api.v2.operation import Call, operation
from api.v2.pools.views import PoolBody, change, look_again, record_pool
from api.v2.refusals import Refusal
from controlplane.ledger.furnish import DEFAULT_POOL
from controlplane.ledger.models.pool import Pool
from tenants.audit.difference import held as fields_of

_MISSING = "The pools with these pool names: {} were not found."


@operation("pools.edit", event="bulk_pools")
def bulk_pools(call: Call) -> Any:
    """Each action as a whole or not at all where it says `fail`."""
    outcome = Outcome()
    for action in call.body(BulkBody[PoolBody]).actions:
        results = outcome.of(action.action)
        names = [one if isinstance(one, str) else one.name for one in action.entities]
        held = {row.name: row for row in Pool.objects.filter(name__in=names)}
        if isinstance(action, BulkCreate):
            _create(call, action, held, results)
        elif isinstance(action, BulkUpdate):
            _update(action, held, results)
        else:
            _delete(action, names, held, results)
    look_again(call)
    return outcome.answer()


def _create(call: Call, action: BulkCreate[PoolBody], held: dict[str, Pool], results: Results) -> None:
    if held and action.action_on_existence == "fail":
        results.fail(409, f"The pools with these pool names: {set(held)} already exist.")
        return
    for body in action.entities:
        row = held.get(body.name)
        if row is not None and action.action_on_existence == "skip":
            continue
        if row is None:
            row = Pool(tenant_id=call.access.tenant_id, name=body.name)
            fields = {"slots", "description", "include_deferred"}
        else:
            fields = body.model_fields_set - {"name", "team_name"}
        if not _changed(row, body, fields, results):
            return
        held[body.name] = row
        results.success.append(body.name)


def _update(action: BulkUpdate[PoolBody], held: dict[str, Pool], results: Results) -> None:
    if not missing_or_all([body.name for body in action.entities], held, action, results, _MISSING):
        return
    mask = set(action.update_mask or [])
    for body in action.entities:
        if (row := held.get(body.name)) is None:
            continue
        fields = body.model_fields_set - {"name", "team_name"}
        if not _changed(row, body, fields & mask if mask else fields, results):
            return
        results.success.append(body.name)


def _changed(row: Pool, body: PoolBody, fields: set[str], results: Results) -> bool:
    """As in Airflow, an action ends at the first pool that cannot be changed."""
    try:
        change(row, body, fields)
    except Refusal as refusal:
        results.fail(refusal.status, refusal.detail)
        return False
    return True


def _delete(action: BulkDelete[PoolBody], names: list[str], held: dict[str, Pool], results: Results) -> None:
    if not missing_or_all(names, held, action, results, _MISSING):
        return
    if DEFAULT_POOL in held:
        results.fail(400, "Default Pool can't be deleted")
        return
    Pool.objects.filter(name__in=list(held)).delete()
    for name, row in held.items():
        record_pool("pool.deleted", name, fields_of(row), None)
    results.success += sorted(held)
