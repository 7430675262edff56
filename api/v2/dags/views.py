"""GET /dags, GET and PATCH /dags/{dag_id}, GET /dags/{dag_id}/details, PATCH /dags."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from pydantic import BaseModel, ConfigDict

from api.v2.dags.favorites import owner_of
from api.v2.dags.search import ORDERS, by_favorite, search_dags
from api.v2.dags.shape import dag_responses, details_response
from api.v2.listing import page
from api.v2.operation import Call, Reply, operation
from api.v2.refusals import Refusal, not_found
from api.v2.version_facts import facts_of
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_favorite import DagFavorite
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.runs import delete as deletion
from controlplane.runs.pause import set_paused
from controlplane.runs.trigger import DagUnknown


class DagPatchBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    is_paused: bool


@operation("dags.read")
def get_dags(call: Call) -> Any:
    """A page of DAGs: the page, the total, and the facts of versions not remembered."""
    rows, total = page(_found(call), call.query, ORDERS, default="dag_id")
    return {"dags": dag_responses(rows), "total_entries": total}


@operation("dags.read")
def get_dag(call: Call, dag_id: str) -> Any:
    """One DAG."""
    return dag_responses([read_dag(dag_id)])[0]


@operation("dags.read")
def get_dag_details(call: Call, dag_id: str) -> Any:
    """One DAG with what its newest version declares."""
    row = read_dag(dag_id)
    spec = DagVersion.objects.filter(id=row.current_version_id).values_list("spec", flat=True).first()
    if spec is None or row.current_version_id is None:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found")
    facts = facts_of([row.current_version_id])[row.current_version_id]
    active = DagRun.objects.filter(dag_id=dag_id, state="running").count()
    marked = DagFavorite.objects.filter(dag_id=row.id, owner=owner_of(call.access)).exists()
    return {**details_response(row, facts, spec, active), "is_favorite": marked}


@operation("dags.edit", event="patch_dag", records=("is_paused",))
def patch_dag(call: Call, dag_id: str) -> Any:
    """Pause or resume."""
    body = _patch_body(call)
    row = Dag.objects.filter(dag_id=dag_id).first()
    if row is None:
        raise not_found(f"Dag with id: {dag_id} was not found")
    set_paused(dag_id=dag_id, is_paused=body.is_paused, now=call.now)
    return dag_responses([read_dag(dag_id)])[0]


@operation("dags.edit", event="patch_dags", records=("is_paused",))
def patch_dags(call: Call) -> Any:
    """Pause or resume every DAG that the filters match. As in Airflow, without a pattern none is matched."""
    body = _patch_body(call)
    found = _found(call)
    if call.query.text("dag_id_pattern") is None and call.query.text("dag_id_prefix_pattern") is None:
        found = found.none()
    wanted = list(found.order_by("dag_id").values_list("dag_id", flat=True))
    rows, total = page(found, call.query, ORDERS, default="dag_id")
    shown = [row.dag_id for row in rows]
    for dag_id in wanted:
        set_paused(dag_id=dag_id, is_paused=body.is_paused, now=call.now)
    rows = list(Dag.objects.filter(dag_id__in=shown).order_by("dag_id"))
    return {"dags": dag_responses(rows), "total_entries": total}


@operation("dags.edit", event="delete_dag")
def delete_dag(call: Call, dag_id: str) -> Any:
    """Gone, with its runs. It comes back with the next push that has it."""
    try:
        deletion.delete_dag(dag_id=dag_id)
    except DagUnknown as error:
        raise not_found(f"Dag with id: {dag_id} was not found") from error
    except deletion.DagBusy as error:
        raise Refusal(409, f"Task instances of dag with id: '{dag_id}' are still running") from error
    return Reply(204)


def _found(call: Call) -> QuerySet[Dag]:
    return by_favorite(search_dags(call.query), call.query, owner_of(call.access))


def read_dag(dag_id: str) -> Dag:
    """The row, or Airflow's 404."""
    row = Dag.objects.filter(dag_id=dag_id).first()
    if row is None:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found")
    return row


def _patch_body(call: Call) -> DagPatchBody:
    mask = call.query.texts("update_mask")
    if mask and mask != ["is_paused"]:
        raise Refusal(400, "Only `is_paused` field can be updated through the REST API")
    return call.body(DagPatchBody)
