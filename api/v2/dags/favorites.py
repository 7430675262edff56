"""POST /dags/{dag_id}/favorite and /dags/{dag_id}/unfavorite: everybody's own marks."""

from __future__ import annotations

from typing import Any

from api.v2.operation import Call, Reply, operation
from api.v2.refusals import Refusal, not_found, taken
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_favorite import DagFavorite
from tenants.access import Access


@operation("dags.read", event="favorite_dag")
def favorite_dag(call: Call, dag_id: str) -> Any:
    """Marked. Airflow's refusal when it was marked already."""
    row = DagFavorite(tenant_id=call.access.tenant_id, dag=_read(dag_id), owner=owner_of(call.access))
    DagFavorite.objects.bulk_create([row], ignore_conflicts=True)
    if not DagFavorite.objects.filter(id=row.id).exists():
        raise taken(f"The Dag with id '{dag_id}' is marked as favorite already")
    return Reply(204)


@operation("dags.read", event="unfavorite_dag")
def unfavorite_dag(call: Call, dag_id: str) -> Any:
    """No longer marked."""
    rows = DagFavorite.objects.filter(dag_id=_read(dag_id).id, owner=owner_of(call.access))
    if not rows.delete()[0]:
        raise Refusal(409, "Dag is not marked as favorite")
    return Reply(204)


def owner_of(access: Access) -> str:
    """Whose marks these are: a person's by id, a token's by name."""
    return access.name if access.user_id is None else str(access.user_id)


def _read(dag_id: str) -> Dag:
    row = Dag.objects.filter(dag_id=dag_id).first()
    if row is None:
        raise not_found(f"Dag with id '{dag_id}' not found")
    return row
