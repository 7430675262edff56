"""GET and PATCH /dags, /dags/{dag_id}, /dags/{dag_id}/details."""

from __future__ import annotations

import pytest

from api.v2 import version_facts
from tenants.models.tenant import Tenant
from tests.support.actors import Actor, Door
from tests.support.factories import parsed_dag, published_bundle
from tests.support.queries import QueryCounter
from tests.support.specs import chain


def test_a_member_sees_the_tenants_dags(tenant: Tenant, viewer: Actor) -> None:
    parsed_dag(tenant, chain("beta", 2, tags=["z", "a"], description="second"))
    parsed_dag(tenant, chain("alpha", 1))
    answer = viewer.v2().get("/dags")
    assert answer.status == 200
    assert answer["total_entries"] == 2
    assert [dag["dag_id"] for dag in answer["dags"]] == ["alpha", "beta"]
    beta = answer["dags"][1]
    assert [tag["name"] for tag in beta["tags"]] == ["a", "z"]
    assert beta["description"] == "second"
    assert beta["timetable_summary"] is None
    assert beta["is_paused"] is False


def test_a_stranger_hears_what_an_unknown_tenant_answers(tenant: Tenant, stranger: Actor) -> None:
    parsed_dag(tenant, chain("beta", 2))
    unknown = stranger.v2()
    unknown.prefix = "/t/no-such-tenant/api/v2"
    for path in ("/dags", "/dags/beta", "/dags/beta/details"):
        answer = stranger.v2(at=tenant).get(path)
        assert (answer.status, answer.body) == (404, {"detail": "Not Found"})
        absent = unknown.get(path)
        assert (absent.status, absent.body) == (answer.status, answer.body)


def test_without_a_token_every_tenant_answers_alike(tenant: Tenant, nobody: Door) -> None:
    absent = Door(prefix="/t/no-such-tenant/api/v2", token=None)
    for door in (nobody, absent):
        answer = door.get("/dags")
        assert (answer.status, answer.body) == (401, {"detail": "Not authenticated"})


def test_a_viewer_may_not_pause(tenant: Tenant, viewer: Actor, member: Actor, stranger: Actor) -> None:
    parsed_dag(tenant, chain("beta", 2))
    refused = viewer.v2().patch("/dags/beta", {"is_paused": True})
    assert (refused.status, refused.body) == (403, {"detail": "Forbidden"})
    assert stranger.v2(at=tenant).patch("/dags/beta", {"is_paused": True}).status == 404
    assert viewer.v2().get("/dags/beta")["is_paused"] is False
    done = member.v2().patch("/dags/beta", {"is_paused": True})
    assert (done.status, done["is_paused"]) == (200, True)
    [entry] = member.v2().get("/eventLogs")["event_logs"]
    assert (entry["event"], entry["dag_id"], entry["owner"]) == ("patch_dag", "beta", member.user.username)


def test_only_the_pause_can_be_changed(tenant: Tenant, member: Actor) -> None:
    parsed_dag(tenant, chain("beta", 2))
    assert member.v2().patch("/dags/beta", {"is_paused": True}, {"update_mask": "owners"}).status == 400
    answer = member.v2().patch("/dags/beta", {"owners": []})
    assert answer.status == 422
    assert {entry["type"] for entry in answer["detail"]} == {"missing", "extra_forbidden"}
    assert member.v2().patch("/dags/absent", {"is_paused": True}).status == 404


def test_pausing_many_needs_a_pattern(tenant: Tenant, member: Actor) -> None:
    for name in ("one", "two", "other"):
        parsed_dag(tenant, chain(name, 1))
    assert member.v2().patch("/dags", {"is_paused": True})["total_entries"] == 0
    answer = member.v2().patch("/dags", {"is_paused": True}, {"dag_id_pattern": "o%"})
    assert {dag["dag_id"]: dag["is_paused"] for dag in answer["dags"]} == {
        "one": True,
        "other": True,
        "two": True,
    }


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"dag_id_pattern": "ET"}, ["beta"]),
        ({"dag_id_pattern": "alp|bet"}, ["alpha", "beta"]),
        ({"dag_id_prefix_pattern": "al"}, ["alpha"]),
        ({"dag_id_prefix_pattern": "AL"}, []),
        ({"tags": "blue"}, ["beta"]),
        ({"tags": ["blue", "red"]}, ["alpha", "beta"]),
        ({"tags": ["blue", "red"], "tags_match_mode": "all"}, []),
        ({"owners": "mia"}, ["alpha"]),
        ({"order_by": "-dag_id"}, ["beta", "alpha"]),
        ({"order_by": "-dag_display_name"}, ["alpha", "beta"]),
        ({"limit": "1", "offset": "1"}, ["beta"]),
        ({"limit": "0"}, []),
        ({"paused": "true"}, []),
        ({"bundle_name": "elsewhere"}, []),
        ({"timetable_type": "airflow.timetables.simple.NullTimetable"}, ["alpha", "beta"]),
        ({"timetable_type": "airflow.timetables.simple.OnceTimetable"}, []),
        ({"has_asset_schedule": "true"}, []),
        ({"asset_dependency": "s3"}, []),
        ({"last_dag_run_state": "success"}, []),
    ],
)
def test_filters_and_orders(tenant: Tenant, viewer: Actor, query: dict[str, str], found: list[str]) -> None:
    bundle = published_bundle(tenant)
    parsed_dag(
        tenant, chain("alpha", 1, tags=["red"], owners=["mia"], dag_display_name="zulu"), bundle=bundle
    )
    parsed_dag(tenant, chain("beta", 1, tags=["blue"]), bundle=bundle)
    answer = viewer.v2().get("/dags", query)
    assert [dag["dag_id"] for dag in answer["dags"]] == found


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": "-1"}, 422),
        ({"limit": "many"}, 422),
        ({"paused": "perhaps"}, 422),
        ({"tags": "a", "tags_match_mode": "some"}, 422),
        ({"order_by": "password"}, 400),
        ({"dag_id_pattern": "a\x00"}, 400),
        ({"dag_run_start_date_gte": "yesterday"}, 422),
    ],
)
def test_mistakes_are_told(viewer: Actor, query: dict[str, str], status: int) -> None:
    answer = viewer.v2().get("/dags", query)
    assert answer.status == status
    assert answer["detail"]


def test_details_tell_what_the_file_declares(tenant: Tenant, viewer: Actor) -> None:
    parsed_dag(
        tenant,
        chain(
            "beta",
            2,
            catchup=True,
            dagrun_timeout_seconds=5400,
            doc_md="  # Title",
            params={"n": {"value": 3, "schema": {"type": "integer"}, "description": None}},
        ),
    )
    answer = viewer.v2().get("/dags/beta/details")
    assert answer.status == 200
    assert answer["catchup"] is True
    assert answer["dag_run_timeout"] == "PT1H30M"
    assert answer["doc_md"] == "# Title"
    assert answer["params"]["n"]["value"] == 3
    assert answer["latest_dag_version"]["version_number"] == 1
    assert viewer.v2().get("/dags/absent/details").status == 404


def test_the_list_asks_as_often_for_two_dags_as_for_twenty(
    tenant: Tenant, viewer: Actor, count_queries: QueryCounter
) -> None:
    bundle = published_bundle(tenant)
    for number in range(20):
        parsed_dag(tenant, chain(f"dag_{number}", 1), bundle=bundle)
    version_facts.forget()
    with count_queries(6):  # who asks, scope, page, count; and not remembered: version facts, bundle name
        viewer.v2().get("/dags")
    with count_queries(4):
        viewer.v2().get("/dags")
