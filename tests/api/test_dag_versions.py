"""GET /dags/{dag_id}/dagVersions, /dagSources, /dagTags, /dags/{dag_id}/tasks, /importErrors, /dagWarnings."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.import_error import ImportError as FileError
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import parsed_dag, published_bundle
from tests.support.specs import chain, dag, task


@pytest.fixture(autouse=True)
def versions(tenant: Tenant) -> None:
    parsed_dag(tenant, chain("beta", 1, tags=["old"]), source="one = 1\n")
    parsed_dag(tenant, chain("beta", 2, tags=["daily", "blue"]), source="two = 2\n")


def test_versions_by_number(viewer: Actor) -> None:
    answer = viewer.v2().get("/dags/beta/dagVersions", {"order_by": "-version_number"})
    assert [version["version_number"] for version in answer["dag_versions"]] == [2, 1]
    assert viewer.v2().get("/dags/~/dagVersions", {"version_number": "1"})["total_entries"] == 1
    assert viewer.v2().get("/dags/beta/dagVersions/1")["bundle_name"] == "dags"
    assert viewer.v2().get("/dags/beta/dagVersions/3").status == 404
    assert viewer.v2().get("/dags/none/dagVersions").status == 404


def test_the_source_as_it_stood(viewer: Actor) -> None:
    answer = viewer.v2().get("/dagSources/beta", accept="application/json")
    assert (answer["content"], answer["version_number"]) == ("two = 2\n", 2)
    plain = viewer.v2().get("/dagSources/beta", {"version_number": "1"}, accept="text/plain")
    assert plain.body == "one = 1\n"
    assert viewer.v2().get("/dagSources/beta", accept="image/png").status == 406
    assert viewer.v2().get("/dagSources/none").status == 404


def test_tags_in_use(viewer: Actor) -> None:
    assert viewer.v2().get("/dagTags")["tags"] == ["blue", "daily"]
    assert viewer.v2().get("/dagTags", {"tag_name_pattern": "LY"})["tags"] == ["daily"]
    assert viewer.v2().get("/dagTags", {"tag_name_prefix_pattern": "b"})["tags"] == ["blue"]
    assert viewer.v2().get("/dagTags", {"order_by": "-name", "limit": "1"}).body == {
        "tags": ["daily"],
        "total_entries": 2,
    }


def test_tasks(tenant: Tenant, viewer: Actor) -> None:
    parsed_dag(
        tenant,
        dag(
            "gamma",
            [task("b", "a", retries=3, execution_timeout_seconds=90061.5), task("a", priority_weight=9)],
        ),
    )
    answer = viewer.v2().get("/dags/gamma/tasks")
    assert [entry["task_id"] for entry in answer["tasks"]] == ["a", "b"]
    assert answer["tasks"][1]["execution_timeout"] == {
        "__type": "TimeDelta",
        "days": 1,
        "seconds": 3661,
        "microseconds": 500000,
    }
    order = viewer.v2().get("/dags/gamma/tasks", {"order_by": "-priority_weight"})
    assert [entry["task_id"] for entry in order["tasks"]] == ["a", "b"]
    assert viewer.v2().get("/dags/gamma/tasks", {"order_by": "params"}).status == 400
    assert viewer.v2().get("/dags/gamma/tasks/b")["retries"] == 3
    assert viewer.v2().get("/dags/gamma/tasks/c").status == 404


def test_import_errors(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    bundle = published_bundle(tenant)
    with tenant_scope(tenant.id):
        for serial, name in enumerate(("dags/x.py", "dags/y.py"), start=1):
            FileError(
                tenant=tenant,
                serial=serial,
                filename=name,
                kind="syntax",
                message="SyntaxError",
                stacktrace=f"Traceback of {name}",
                bundle_version=bundle,
                timestamp=utc_now(),
            ).save(force_insert=True)
    answer = viewer.v2().get("/importErrors", {"filename_pattern": "Y.py"})
    assert [entry["import_error_id"] for entry in answer["import_errors"]] == [2]
    assert viewer.v2().get("/importErrors/1")["stack_trace"] == "Traceback of dags/x.py"
    assert viewer.v2().get("/importErrors/3").status == 404
    assert stranger.v2(at=tenant).get("/importErrors/1").body == {"detail": "Not Found"}
    assert stranger.v2().get("/importErrors")["total_entries"] == 0
    assert viewer.v2().get("/dagWarnings")["dag_warnings"] == []
    parsed_dag(tenant, dag("pools", [task("one", pool="nowhere"), task("two", pool="b")]))
    (warning,) = viewer.v2().get("/dagWarnings", {"warning_type": "non-existent pool"})["dag_warnings"]
    assert (warning["dag_id"], warning["dag_display_name"]) == ("pools", "pools")
    assert warning["message"] == "Dag 'pools' references non-existent pools: ['b', 'nowhere']"
    assert viewer.v2().get("/dagWarnings", {"dag_id": "other"})["total_entries"] == 0
    assert viewer.v2().get("/dagWarnings", {"warning_type": "asset conflict"})["total_entries"] == 0
    assert stranger.v2().get("/dagWarnings")["total_entries"] == 0
    assert viewer.v2().get("/dagWarnings", {"warning_type": "rain"}).status == 422


@pytest.mark.parametrize(
    "path", ["/dags/beta/dagVersions", "/dagSources/beta", "/dagTags", "/dags/beta/tasks"]
)
def test_a_stranger_sees_nothing(tenant: Tenant, stranger: Actor, path: str) -> None:
    assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}
    assert "daily" not in str(stranger.v2().get(path).body)
