"""POST /dags/{dag_id}/favorite, /unfavorite; what lists and details say of it."""

from __future__ import annotations

import pytest

from controlplane.ledger.models.dag_favorite import DagFavorite
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import parsed_dag
from tests.support.specs import chain


@pytest.fixture(autouse=True)
def dags(tenant: Tenant) -> None:
    for name in ("a", "b"):
        parsed_dag(tenant, chain(name, 1))


def _marked(actor: Actor, wanted: str = "true") -> list[str]:
    return [dag["dag_id"] for dag in actor.v2().get("/dags", {"is_favorite": wanted})["dags"]]


def test_marks_are_everybodys_own(member: Actor, viewer: Actor) -> None:
    assert viewer.v2().post("/dags/b/favorite").status == 204
    assert (_marked(viewer), _marked(viewer, "false"), _marked(member)) == (["b"], ["a"], [])
    assert viewer.v2().get("/dags/b/details")["is_favorite"] is True
    assert member.v2().get("/dags/b/details")["is_favorite"] is False
    again = viewer.v2().post("/dags/b/favorite")
    assert (again.status, again["detail"]["reason"]) == (409, "Unique constraint violation")
    assert viewer.v2().post("/dags/b/unfavorite").status == 204
    assert _marked(viewer) == []
    assert viewer.v2().post("/dags/b/unfavorite")["detail"] == "Dag is not marked as favorite"


def test_a_dag_that_goes_takes_its_marks(tenant: Tenant, member: Actor) -> None:
    member.v2().post("/dags/a/favorite")
    assert member.v2().delete("/dags/a").status == 204
    with tenant_scope(tenant.id):
        assert not DagFavorite.objects.exists()


def test_strangers_and_what_is_not_there(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    for verb in ("favorite", "unfavorite"):
        absent = member.v2().post(f"/dags/none/{verb}")
        assert (absent.status, absent["detail"]) == (404, "Dag with id 'none' not found")
        assert stranger.v2(at=tenant).post(f"/dags/a/{verb}").body == {"detail": "Not Found"}
        assert stranger.v2().post(f"/dags/a/{verb}").status == 404
    with tenant_scope(tenant.id):
        assert not DagFavorite.objects.exists()
