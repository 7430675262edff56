"""GET /assets, /assets/{id}, /assets/aliases, /assets/aliases/{id}; POST /assets/{id}/materialize."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.v2.assets.shape import alias_response, asset_responses
from api.v2.dag_runs.bodies import TriggerBody
from api.v2.dag_runs.shape import run_responses
from api.v2.dag_runs.views import read_run
from api.v2.listing import page, patterns
from api.v2.operation import Call, operation
from api.v2.query import Zoned, aware
from api.v2.refusals import Refusal, not_found
from controlplane.ledger.models.asset import Asset
from controlplane.ledger.models.asset_alias import AssetAlias
from controlplane.ledger.models.asset_reference import AssetReference
from controlplane.runs.trigger import (
    DagNotRunnable,
    DagUnknown,
    LogicalDateTaken,
    RunExists,
    RunRefused,
    RunTypeDenied,
    trigger_run,
)

ORDERS = {
    "id": "serial",
    "name": "name",
    "uri": "uri",
    "created_at": "created_at",
    "updated_at": "updated_at",
    "group": "group",
    "extra": "extra",
}
ALIAS_ORDERS = {"id": "serial", "name": "name", "group": "group"}


class MaterializeBody(TriggerBody):
    """As for a manual run; the logical date may be left out."""

    logical_date: Zoned | None = None


@operation("assets.read")
def get_assets(call: Call) -> Any:
    """A page of assets, those that are not active only on demand."""
    query = call.query
    rows = patterns(Asset.objects.all(), query, name="name", uri="uri")
    if query.boolean("only_active") is not False:
        rows = rows.filter(is_active=True)
    dag_ids = query.texts("dag_ids")
    if len(dag_ids) == 1 and "," in dag_ids[0]:
        dag_ids = dag_ids[0].split(",")
    if dag_ids:
        rows = rows.filter(id__in=AssetReference.objects.filter(dag_id__in=dag_ids).values("asset_id"))
    found, total = page(rows, query, ORDERS, default="id", key="serial")
    return {"assets": asset_responses(found), "total_entries": total}


@operation("assets.read")
def get_asset(call: Call, asset_id: int) -> Any:
    """One asset, active or not."""
    row = Asset.objects.filter(serial=asset_id).first()
    if row is None:
        raise not_found(f"The Asset with ID: `{asset_id}` was not found")
    return asset_responses([row])[0]


@operation("assets.read")
def get_asset_aliases(call: Call) -> Any:
    """A page of aliases."""
    rows = patterns(AssetAlias.objects.all(), call.query, name="name")
    found, total = page(rows, call.query, ALIAS_ORDERS, default="id", key="serial")
    return {"asset_aliases": [alias_response(row) for row in found], "total_entries": total}


@operation("assets.read")
def get_asset_alias(call: Call, asset_alias_id: int) -> Any:
    """One alias."""
    row = AssetAlias.objects.filter(serial=asset_alias_id).first()
    if row is None:
        raise not_found(f"The Asset Alias with ID: `{asset_alias_id}` was not found")
    return alias_response(row)


@operation("assets.edit", event="materialize_asset")
def materialize_asset(call: Call, asset_id: int) -> Any:
    """A run of the one DAG that has this asset as an outlet."""
    producers = AssetReference.objects.filter(asset__serial=asset_id, kind="outlet")
    dag_ids = list(producers.values_list("dag_id", flat=True).distinct()[:2])
    if not dag_ids:
        raise not_found(f"No Dag materializes asset with ID: {asset_id}")
    if len(dag_ids) > 1:
        raise Refusal(409, f"More than one Dag materializes asset with ID: {asset_id}")
    (dag_id,) = dag_ids
    if not call.access.may("runs.edit"):
        reason = f"User is not authorized to trigger a run for Dag: {dag_id} that materializes this asset"
        raise Refusal(403, reason)
    body = call.body(MaterializeBody) if call.http.body else MaterializeBody()
    try:
        run = trigger_run(
            dag_id=dag_id,
            run_id=body.dag_run_id,
            logical_date=body.logical_date,
            run_after=None if body.run_after is None else aware(body.run_after),
            conf=body.conf,
            note=body.note,
            triggered_by="rest_api",
            user=call.access.name,
            now=call.now,
            data_interval=_interval(body),
            partition_key=body.partition_key,
            run_type="asset_materialization",
        )
    except DagUnknown as error:
        raise not_found(f"Dag with dag_id: '{dag_id}' not found") from error
    except RunTypeDenied as error:
        raise Refusal(
            400, f"Dag with dag_id: '{dag_id}' does not allow asset materialization runs"
        ) from error
    except (DagNotRunnable, RunRefused) as error:
        raise Refusal(400, str(error)) from error
    except (RunExists, LogicalDateTaken) as error:
        reason = "Unique constraint violation"
        told = {"reason": reason, "statement": "hidden", "orig_error": "hidden", "message": str(error)}
        raise Refusal(409, told) from error
    return run_responses([read_run(dag_id, run.run_id)])[0]


def _interval(body: TriggerBody) -> tuple[datetime, datetime] | None:
    if body.data_interval_start is None or body.data_interval_end is None:
        return None
    return body.data_interval_start, body.data_interval_end
