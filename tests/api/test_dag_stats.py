"""GET /dagStats."""

from __future__ import annotations

from tenants.models.tenant import Tenant
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag
from tests.support.queries import QueryCounter, counted
from tests.support.specs import chain


def _stats(actor: Actor, **query: str) -> dict[str, dict[str, int]]:
    dags = actor.v2().get("/dagStats", query)["dags"]
    return {dag["dag_id"]: {each["state"]: each["count"] for each in dag["stats"]} for dag in dags}


def test_runs_are_counted_by_state(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    for name, runs in (("a", 2), ("b", 1), ("idle", 0)):
        dag = parsed_dag(tenant, chain(name, 1, dag_display_name=f"The {name}"))
        for number in range(runs):
            created_run(tenant, dag, run_id=f"r{number}")
    none = {"queued": 0, "running": 0, "success": 0, "failed": 0}
    assert _stats(viewer) == {"a": none | {"queued": 2}, "b": none | {"queued": 1}}
    assert _stats(viewer, dag_ids="b") == {"b": none | {"queued": 1}}
    [shown] = viewer.v2().get("/dagStats", {"dag_ids": "a"})["dags"]
    assert shown["dag_display_name"] == "The a"
    assert stranger.v2().get("/dagStats").body == {"dags": [], "total_entries": 0}
    assert stranger.v2(at=tenant).get("/dagStats").body == {"detail": "Not Found"}


def test_ten_dags_cost_as_much_as_one(tenant: Tenant, viewer: Actor, count_queries: QueryCounter) -> None:
    created_run(tenant, parsed_dag(tenant, chain("a", 1)))
    viewer.v2().get("/dagStats")
    with counted() as one:
        viewer.v2().get("/dagStats")
    for number in range(9):
        created_run(tenant, parsed_dag(tenant, chain(f"b{number}", 1)))
    with count_queries(len(one)):
        assert viewer.v2().get("/dagStats")["total_entries"] == 10
