"""GET, POST /pools; GET, PATCH, DELETE /pools/{pool_name}."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.v2.listing import page, patterns
from api.v2.operation import Call, Reply, operation
from api.v2.pools.occupancy import pool_responses
from api.v2.refusals import Refusal, not_found, wrong
from api.v2.team_names import NoTeam
from controlplane.foundation.db import notify
from controlplane.ledger.furnish import DEFAULT_POOL
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.transitions import add_items
from tenants.audit.difference import held, record_difference
from tenants.scope import current_tenant

ORDERS = {"id": "id", "pool": "name", "name": "name"}
Slots = Annotated[int, Field(ge=-1, le=2**31 - 1)]


class PoolBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=256)
    slots: Slots
    description: str | None = None
    include_deferred: bool = False
    team_name: NoTeam = None


class PoolPatchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pool: str | None = None
    slots: Slots | None = None
    description: str | None = None
    include_deferred: bool | None = None
    team_name: NoTeam = None


@operation("pools.read")
def get_pools(call: Call) -> Any:
    """A page of pools with what is taken of them."""
    rows = patterns(Pool.objects.all(), call.query, pool_name="name")
    found, total = page(rows, call.query, ORDERS, default="id")
    return {"pools": pool_responses(found), "total_entries": total}


@operation("pools.read")
def get_pool(call: Call, pool_name: str) -> Any:
    """One pool."""
    return pool_responses([_read(pool_name)])[0]


@operation("pools.edit", event="post_pool", records=("name", "slots", "description", "include_deferred"))
def post_pool(call: Call) -> Any:
    """A new pool."""
    body = call.body(PoolBody)
    row = Pool(
        tenant_id=call.access.tenant_id,
        name=body.name,
        slots=body.slots,
        description=body.description or "",
        include_deferred=body.include_deferred,
    )
    made = Pool.objects.bulk_create([row], ignore_conflicts=True)
    if not Pool.objects.filter(id=made[0].id).exists():
        raise Refusal(
            409,
            {
                "reason": "Unique constraint violation",
                "statement": "hidden",
                "orig_error": "hidden",
                "message": f"The Pool with name: `{body.name}` already exists",
            },
        )
    record_pool("pool.made", body.name, None, held(row))
    look_again(call)
    return Reply(201, pool_responses([_read(body.name)])[0])


@operation("pools.edit", event="patch_pool", records=("slots", "description", "include_deferred"))
def patch_pool(call: Call, pool_name: str) -> Any:
    """Change what the body (or of it, the mask) names. The default pool keeps its name."""
    body = call.body(PoolPatchBody)
    if body.pool and body.pool != pool_name:
        raise Refusal(400, "Invalid body, pool name from request body doesn't match uri parameter")
    row = _read(pool_name)
    mask = set(call.query.texts("update_mask"))
    fields = body.model_fields_set - {"pool", "team_name"}
    if mask:
        fields &= mask
    elif pool_name != DEFAULT_POOL and body.slots is None:
        raise wrong(("slots",), "Input should be a valid integer", None, "int_type")
    change(row, body, fields)
    look_again(call)
    return pool_responses([row])[0]


@operation("pools.edit", event="delete_pool")
def delete_pool(call: Call, pool_name: str) -> Any:
    """Tasks that name it are held until there is one again."""
    if pool_name == DEFAULT_POOL:
        raise Refusal(400, "Default Pool can't be deleted")
    row = _read(pool_name)
    row.delete()
    record_pool("pool.deleted", pool_name, held(row), None)
    return Reply(204)


def _read(pool_name: str) -> Pool:
    row = Pool.objects.filter(name=pool_name).first()
    if row is None:
        raise not_found(f"The Pool with name: `{pool_name}` was not found")
    return row


def change(row: Pool, body: PoolBody | PoolPatchBody, fields: set[str]) -> None:
    """Write these fields of the body. Raises the Refusal that Airflow gives for the default pool."""
    if row.name == DEFAULT_POOL and not fields <= {"slots", "include_deferred"}:
        raise Refusal(400, "Only slots and included_deferred can be modified on Default Pool")
    is_new = row._state.adding
    before = None if is_new else held(row)
    for field in fields:
        value = getattr(body, field)
        setattr(row, field, "" if field == "description" and value is None else value)
    row.save(**({"force_insert": True} if is_new else {"update_fields": sorted(fields)}))
    record_pool("pool.made" if is_new else "pool.changed", row.name, before, held(row))


def record_pool(action: str, name: str, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    """The pool's audit row."""
    record_difference(action=action, target=f"pool:{name}", table=Pool, before=before, after=after)


def look_again(call: Call) -> None:
    """Capacity changed: held tasks may be admitted now."""
    add_items(items=[("admit", None, call.now)])
    notify("work", str(current_tenant()))
