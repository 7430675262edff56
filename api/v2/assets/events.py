"""GET, POST /assets/events; GET /dags/{dag_id}/dagRuns/{dag_run_id}/upstreamAssetEvents."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.v2.assets.shape import event_responses
from api.v2.dag_runs.views import read_run
from api.v2.listing import page, patterns, within
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_event import AssetEvent
from controlplane.ledger.models.asset_event_run import AssetEventRun
from controlplane.runs.asset_events import announce_event

ORDERS = {
    "id": "serial",
    "source_task_id": "source_task_id",
    "source_dag_id": "source_dag_id",
    "source_run_id": "source_run_id",
    "source_map_index": "source_map_index",
    "timestamp": "timestamp",
}


class EventAccess(BaseModel):
    """Airflow's filter by teams; there are none here, as in an Airflow without `multi_team`."""

    model_config = ConfigDict(extra="forbid")

    consumer_teams: list[str] | None = None
    allow_global: bool = True


class EventBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    asset_id: int
    partition_key: Annotated[str, StringConstraints(pattern=r"\S", max_length=250)] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    access_control: EventAccess | None = None


@operation("assets.read")
def get_asset_events(call: Call) -> Any:
    """A page of events."""
    query = call.query
    rows = patterns(AssetEvent.objects.all(), query, name="asset__name")
    if (serial := query.integer("asset_id")) is not None:
        rows = rows.filter(asset__serial=serial)
    for name in ("source_dag_id", "source_task_id", "source_run_id"):
        if (text := query.text(name)) is not None:
            rows = rows.filter(**{name: text})
    if (index := query.integer("source_map_index")) is not None:
        rows = rows.filter(source_map_index=index)
    rows = within(rows, "timestamp", query.instants("timestamp"))
    found, total = page(rows.select_related("asset"), query, ORDERS, default="timestamp", key="serial")
    return {"asset_events": event_responses(found), "total_entries": total}


@operation("assets.edit", event="create_asset_event", records=("asset_id", "partition_key"))
def create_asset_event(call: Call) -> Any:
    """Somebody says that an asset was updated. Its consumers hear it as of any other event."""
    body = call.body(EventBody)
    asset = Asset.objects.filter(serial=body.asset_id).first()
    recorded = None
    if asset is not None:
        recorded = announce_event(
            asset=asset,
            extra={**body.extra, "from_rest_api": True},
            partition_key=body.partition_key,
            now=call.now,
        )
    if recorded is None:
        raise not_found(f"Asset with ID: `{body.asset_id}` was not found")
    return event_responses(list(AssetEvent.objects.filter(id=recorded.id).select_related("asset")))[0]


@operation("assets.read")
def get_upstream_asset_events(call: Call, dag_id: str, dag_run_id: str) -> Any:
    """The events that a run consumed."""
    if not call.access.may("runs.read"):
        raise Refusal(403, "Forbidden")
    run = read_run(dag_id, dag_run_id)
    consumed = AssetEventRun.objects.filter(dag_run_id=run.id).values("event_id")
    rows = AssetEvent.objects.filter(id__in=consumed).select_related("asset").order_by("timestamp", "serial")
    events = event_responses(list(rows))
    return {"asset_events": events, "total_entries": len(events)}
