"""What DAGs say of assets becomes rows: assets, aliases, and who refers to them.

One statement per table, whatever the number of DAGs. Called by `store` with the DAGs whose content is new, last
of all that its transaction locks. After: assets that nobody refers to any more are inactive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger import assets
from domain.assets import key_of, leaves
from taskwire.dagspec import DagSpec, TaskSpec

PARTITIONED = "partition_asset"


def record_assets(*, specs: Mapping[UUID, DagSpec], now: datetime, using: str) -> None:
    """`specs` by DAG row: the references of these DAGs are what their specs say; those of stale DAGs are gone."""
    if not execute(
        "ledger/sql/speaks_of_assets.sql",
        using=using,
        dags=list(specs),
        told=any(map(_speaks, specs.values())),
    )[0][0]:
        return
    assets.lock_assets(using=using)
    found = [leaf for spec in specs.values() for leaf in _all(spec)]
    if rows := [_asset_row(leaf) for leaf in found if leaf.get("type") == "asset"]:
        assets.store_assets(assets=rows, overwrite=True, now=now, using=using)
    if aliases := {
        str(leaf["name"]): str(leaf.get("group") or "") for leaf in found if leaf.get("type") == "alias"
    }:
        assets.store_aliases(aliases=aliases, overwrite=True, using=using)
    references = [row for dag, spec in specs.items() for row in reference_rows(dag=dag, spec=spec)]
    if assets.store_references(dags=list(specs), references=references, now=now, using=using):
        assets.orphan_assets(now=now, using=using)
        assets.activate_assets(now=now, using=using)


def reference_rows(*, dag: UUID, spec: DagSpec) -> Iterator[dict[str, Any]]:
    """Columns of `asset_reference` as `store_asset_references.sql` takes them. Pure."""
    base = {"dag_row": dag, "dag_id": spec.dag_id, "partitioned": False}
    for leaf in leaves(spec.timetable.condition):
        row = base | {"kind": "schedule", "task_id": "", "partitioned": spec.timetable.kind == PARTITIONED}
        match leaf.get("type"):
            case "asset":
                name, uri = key_of(leaf)
                yield row | {"name": name, "uri": uri, "watchers": leaf.get("watchers") or None}
            case "alias":
                yield row | {"alias": str(leaf["name"])}
            case "ref" if leaf.get("name"):
                yield row | {"ref_name": str(leaf["name"])}
            case "ref" if leaf.get("uri"):
                yield row | {"ref_uri": str(leaf["uri"])}
    for task in spec.tasks:
        for kind, leaf in _of_task(task):
            if leaf.get("type") == "asset":
                name, uri = key_of(leaf)
                yield base | {"kind": kind, "task_id": task.task_id, "name": name, "uri": uri}


def _speaks(spec: DagSpec) -> bool:
    return any(True for _ in _all(spec))


def _all(spec: DagSpec) -> Iterator[Mapping[str, Any]]:
    yield from leaves(spec.timetable.condition)
    for task in spec.tasks:
        for _, leaf in _of_task(task):
            yield leaf


def _of_task(task: TaskSpec) -> Iterator[tuple[str, Mapping[str, Any]]]:
    told: Iterable[tuple[str, list[dict[str, Any]]]] = (("inlet", task.inlets), ("outlet", task.outlets))
    for kind, each in told:
        for leaf in each:
            yield kind, leaf


def _asset_row(leaf: Mapping[str, Any]) -> dict[str, Any]:
    name, uri = key_of(leaf)
    extra = leaf.get("extra")
    return {
        "name": name,
        "uri": uri,
        "group": str(leaf.get("group") or "asset"),
        "extra": extra if isinstance(extra, Mapping) else {},
    }
