"""Values that a deployment lays over the tenant's own: sealed as one, read by the runs of that deployment.

A run sees the overlay of the deployment it was made under for as long as it lives. Called by the portal's door
(`make`, `differences`) and by the Task Execution API (`find_*`), inside the tenant's scope.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.deployment_overlay import DeploymentOverlay
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from domain.ids import uuid7
from tenants.scope import current_tenant

CONNECTION_FIELDS = ("conn_type", "host", "schema", "login", "password", "port", "extra")


@dataclass(frozen=True)
class Values:
    """In clear. `variables`: key -> text. `connections`: id -> CONNECTION_FIELDS. `pools`: name -> slots."""

    variables: Mapping[str, str] = field(default_factory=dict)
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    pools: Mapping[str, int] = field(default_factory=dict)


def make(*, values: Values, created_by: str, now: datetime, using: str = "default") -> UUID | None:
    """A new overlay; None when there is nothing in it. Raises KeyUnavailable."""
    if not (values.variables or values.connections or values.pools):
        return None
    row_id = uuid7()
    plain = json.dumps({"variables": dict(values.variables), "connections": dict(values.connections)})
    sealed = store.current().seal(plain=plain.encode(), place=_place(row_id, using))
    DeploymentOverlay.objects.using(using).create(
        id=row_id,
        tenant_id=current_tenant(using=using),
        names={"variables": sorted(values.variables), "connections": sorted(values.connections)},
        pools=dict(values.pools),
        sealed=sealed,
        created_by=created_by[:150],
        created_at=now,
    )
    return row_id


def read(row: DeploymentOverlay | None, *, using: str = "default") -> Values:
    """What an overlay holds, in clear. Raises SealBroken, KeyUnavailable."""
    if row is None:
        return Values()
    told = _open(row.id, row.sealed, using)
    return Values(told.get("variables", {}), told.get("connections", {}), row.pools)


def differences(
    old: DeploymentOverlay | None, new: DeploymentOverlay | None
) -> dict[str, dict[str, list[str]]]:
    """Names that were added, changed or removed, per kind. Values are compared and not told."""
    before, after = (read(old), read(new)) if _id(old) != _id(new) else (Values(), Values())
    return {
        kind: _difference(getattr(before, kind), getattr(after, kind))
        for kind in ("variables", "connections", "pools")
    }


def find_variable(*, dag_id: str, run_id: str, key: str) -> str | None:
    """What the run's deployment says of the Variable; None when it does not."""
    found = _find(dag_id, run_id, "variables", key)
    return None if found is None else str(found)


def find_connection(*, dag_id: str, run_id: str, conn_id: str) -> dict[str, Any] | None:
    """What the run's deployment says of the Connection, in the shape of `connections.get`."""
    found = _find(dag_id, run_id, "connections", conn_id)
    if found is None:
        return None
    return {"conn_id": conn_id} | {name: found.get(name) for name in CONNECTION_FIELDS}


def _find(dag_id: str, run_id: str, kind: str, name: str) -> Any:
    rows = execute("secrets/sql/find_overlay.sql", dag_id=dag_id, run_id=run_id, kind=kind, name=name)
    if not rows:
        return None
    return _open(rows[0][0], rows[0][1], "default")[kind].get(name)


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[str]]:
    return {
        "added": sorted(after.keys() - before.keys()),
        "changed": sorted(name for name in after.keys() & before.keys() if after[name] != before[name]),
        "removed": sorted(before.keys() - after.keys()),
    }


def _open(row_id: UUID, sealed: Any, using: str) -> dict[str, Any]:
    if sealed is None:
        return {"variables": {}, "connections": {}}
    plain = store.current().open(sealed=bytes(sealed), place=_place(row_id, using), using=using)
    told: dict[str, Any] = json.loads(plain)
    return told


def _id(row: DeploymentOverlay | None) -> UUID | None:
    return row.id if row is not None else None


def _place(row_id: UUID, using: str) -> Place:
    return Place(
        tenant_id=UUID(current_tenant(using=using)),
        table="deployment_overlay",
        column="sealed",
        row_id=row_id,
    )
