"""DAGs that produce assets and wait for them, and what a task that emits says when it ends."""

from __future__ import annotations

from typing import Any

from controlplane.ledger.models.asset_event import AssetEvent
from controlplane.ledger.models.asset_event_run import AssetEventRun
from controlplane.ledger.models.dag_run import DagRun
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk


def asset(name: str, uri: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "asset", "name": name, "uri": uri or f"s3://{name}", "group": "asset", **more}


def alias(name: str) -> dict[str, Any]:
    return {"type": "alias", "name": name, "group": "asset"}


def both(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"type": "all", "objects": list(objects)}


def either(*objects: dict[str, Any]) -> dict[str, Any]:
    return {"type": "any", "objects": list(objects)}


def producer(tenant: Tenant, dag_id: str, *outlets: dict[str, Any], **fields: Any) -> None:
    """One task `make` with these outlets."""
    parsed_dag(tenant, specs.dag(dag_id, [specs.task("make", outlets=list(outlets))], **fields))


def consumer(tenant: Tenant, dag_id: str, condition: dict[str, Any], **fields: Any) -> None:
    """One task `take`, run when the condition is met. `timetable` fields may be given."""
    timetable = {
        "kind": "asset",
        "summary": "Asset",
        "description": "Triggered by assets",
        "condition": condition,
        **fields.pop("timetable", {}),
    }
    parsed_dag(tenant, specs.dag(dag_id, [specs.task("take")], timetable=timetable, **fields))


def outlets_of(*outlets: dict[str, Any]) -> list[dict[str, Any]]:
    """Outlets as the SDK tells them at a success."""
    told = []
    for each in outlets:
        if each["type"] == "asset":
            told.append({"name": each["name"], "uri": each["uri"], "type": "Asset"})
        elif each["type"] == "alias":
            told.append({"name": each["name"], "type": "AssetAlias"})
        elif "name" in each:
            told.append({"name": each["name"], "type": "AssetNameRef"})
        else:
            told.append({"uri": each["uri"], "type": "AssetUriRef"})
    return told


def event_of(which: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """One of the SDK's `outlet_events`."""
    return {"dest_asset_key": {"name": which["name"], "uri": which["uri"]}, "extra": {}, **fields}


def produce(
    walk: Walk, dag_id: str, *outlets: dict[str, Any], events: list[dict[str, Any]] | None = None
) -> DagRun:
    """Run the producer: its only task succeeds and says these outlets; consumers are scheduled, not run."""
    run = walk.trigger(dag_id)
    walk.schedule()
    (work,) = [w for w in walk.claim() if w.task and w.task.ti["dag_id"] == dag_id]
    assert succeed(walk, work, *outlets, events=events).verdict == "accepted"
    walk.schedule()
    return run


def succeed(
    walk: Walk, work: Workload, *outlets: dict[str, Any], events: list[dict[str, Any]] | None = None
) -> Any:
    return walk.say(work, "success", task_outlets=outlets_of(*outlets), outlet_events=events or [])


def runs_of(tenant: Tenant, dag_id: str) -> list[DagRun]:
    with tenant_scope(tenant.id):
        return list(DagRun.objects.filter(dag_id=dag_id).order_by("run_after", "id"))


def consumed_by(tenant: Tenant, run: DagRun) -> list[tuple[str, dict[str, Any]]]:
    """(asset name, extra) of the events that the run consumed, oldest first."""
    with tenant_scope(tenant.id):
        ids = AssetEventRun.objects.filter(dag_run_id=run.id).values_list("event_id", flat=True)
        rows = AssetEvent.objects.filter(id__in=list(ids)).select_related("asset").order_by("serial")
        return [(row.asset.name, row.extra) for row in rows]


def events_in(tenant: Tenant) -> list[AssetEvent]:
    with tenant_scope(tenant.id):
        return list(AssetEvent.objects.select_related("asset").order_by("serial"))
