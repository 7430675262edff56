"""/tenants/{slug}/airflow and upgrade previews: what would change is told before anything does."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import override_settings

from controlplane.bundles.runtimes import store_built
from controlplane.dagprocessor.compare import differences
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.bundles import dag_file, failure, make_runtime_ready, parsed, publish_files, report_for
from tests.support.deployments import push, states, store_parsed
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/tenants/alpha/upgrade-previews"
MORE = override_settings(RUNTIME_AIRFLOWS=("3.3.1",))


def bundle(tenant: Tenant, bundle_id: Any) -> BundleVersion:
    with tenant_scope(tenant.id):
        return BundleVersion.objects.select_related("runtime").get(id=bundle_id)


@MORE
def test_every_dag_is_imported_in_the_new_runtime_and_nothing_changes(tenant: Tenant, member: Actor) -> None:
    files = {"dags/a.py": dag_file("a"), "dags/b.py": dag_file("b"), "dags/c.py": dag_file("c")}
    told = [parsed(f"dags/{name}.py", chain(name, 2)) for name in "abc"]
    store_parsed(tenant, publish_files(tenant, files), *told)
    asked = member.portal().post(AT, {"airflow": "3.3.1"})
    assert (asked.status, asked["airflow"], asked["state"], asked["report"]) == (
        202,
        "3.3.1",
        "received",
        None,
    )
    tried = bundle(tenant, asked["bundle_id"])
    changed = chain("b", 2)
    changed["tasks"][0]["retries"] = 7
    broken = parsed("dags/c.py", failures=[failure("dags/c.py", "ImportError: gone in 3.3.1")])
    store_parsed(tenant, tried, parsed("dags/a.py", chain("a", 2)), parsed("dags/b.py", changed), broken)
    report = member.portal().get(f"{AT}/{tried.id}")["report"]
    assert (report["dags"]["same"], report["dags"]["added"], report["dags"]["removed"]) == (1, [], ["c"])
    [one] = report["dags"]["changed"]
    assert one["dag_id"] == "b"
    assert any("retries" in line and "→ 7" in line for line in one["differences"])
    assert [each["message"] for each in report["errors"]["new"]] == ["ImportError: gone in 3.3.1"]
    # Nothing of it is in force, until it is deployed in one call.
    assert states(tenant) == [(1, "upload", "active")]
    with tenant_scope(tenant.id):
        assert Dag.objects.filter(is_stale=False, has_import_errors=False).count() == 3
    made = member.portal().post("/tenants/alpha/deployments", {"bundle_id": str(tried.id)})
    assert (made["state"], made["runtime"]["airflow"]) == ("active", "3.3.1")
    back = member.portal().post("/tenants/alpha/deployments/1/roll-back")
    assert (back["state"], back["runtime"]["airflow"]) == ("active", "3.3.2")


@MORE
def test_a_runtime_that_cannot_be_built_tells_the_resolvers_conflict(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one", more={"requirements.txt": b"humanize==4.9.0"})
    asked = member.portal().post(AT, {"airflow": "3.3.1"})
    tried = bundle(tenant, asked["bundle_id"])
    assert tried.runtime is not None
    with tenant_scope(tenant.id):
        store_built(
            runtime_id=tried.runtime.id,
            ok=False,
            message="Because x==1 depends on y<2 …",
            log="",
            now=utc_now(),
        )
    seen = member.portal().get(f"{AT}/{tried.id}")
    assert (seen["runtime_state"], seen["runtime_message"]) == ("failed", "Because x==1 depends on y<2 …")
    assert states(tenant) == [(1, "upload", "active")]


@MORE
def test_the_next_push_is_built_with_the_version_that_was_chosen(tenant: Tenant, member: Actor) -> None:
    first = push(tenant, "one")
    assert member.portal().get("/tenants/alpha/airflow").body == {
        "chosen": "3.3.2",
        "offered": ["3.3.2", "3.3.1"],
    }
    assert member.portal().call("PUT", "/tenants/alpha/airflow", {"airflow": "3.3.1"})["chosen"] == "3.3.1"
    second = publish_files(tenant, {"dags/a.py": dag_file("a") + b"# two"})
    with tenant_scope(tenant.id):
        versions = {
            row.id: row.runtime.airflow
            for row in BundleVersion.objects.select_related("runtime")
            if row.runtime
        }
    assert versions == {first.id: "3.3.2", second.id: "3.3.1"}
    assert states(tenant) == [(1, "upload", "active"), (2, "upload", "waiting")]
    make_runtime_ready(tenant, second)
    assert report_for(second, parsed("dags/a.py", chain("a", 1))).runtime_digest


def test_what_is_not_offered_is_refused_and_named(tenant: Tenant, member: Actor) -> None:
    push(tenant, "one")
    for method, path in (("PUT", "/tenants/alpha/airflow"), ("POST", AT)):
        answer = member.portal().call(method, path, {"airflow": "9.9.9"})
        assert (answer.status, list(answer["errors"])) == (422, ["airflow"])
    assert member.portal().post(AT, {}).status == 422
    assert member.portal().get(f"{AT}/{uuid4()}").status == 404


def test_nothing_in_force_is_nothing_to_try(tenant: Tenant, member: Actor) -> None:
    answer = member.portal().post(AT, {"airflow": "3.3.2"})
    assert (answer.status, answer["code"]) == (409, "nothing-deployed")


def test_three_actors(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    first = push(tenant, "one")
    assert viewer.portal().get("/tenants/alpha/airflow").status == 200
    assert viewer.portal().get(f"{AT}/{first.id}").status == 200
    for method, path in (("PUT", "/tenants/alpha/airflow"), ("POST", AT)):
        assert viewer.portal().call(method, path, {"airflow": "3.3.2"}).status == 403
    for method, path in (
        ("GET", "/tenants/alpha/airflow"),
        ("PUT", "/tenants/alpha/airflow"),
        ("POST", AT),
        ("GET", f"{AT}/{first.id}"),
    ):
        there = stranger.portal().call(method, path, {"airflow": "3.3.2"})
        nowhere = stranger.portal().call(method, path.replace("alpha", "nowhere"), {"airflow": "3.3.2"})
        assert (there.status, nowhere.status) == (404, 404)
        assert there["detail"].replace("alpha", "nowhere") == nowhere["detail"]
    assert stranger.portal().get(f"/tenants/omega/upgrade-previews/{first.id}").status == 404


def test_differences_are_named_by_task_and_field() -> None:
    old = {"dag_id": "a", "tasks": [{"task_id": "x", "retries": 1}, {"task_id": "y"}]}
    new = {"dag_id": "a", "tasks": [{"task_id": "y"}, {"task_id": "x", "retries": 2}], "tags": ["t"]}
    assert differences(old, new) == ["tags: nothing → ['t']", "tasks.x.retries: 1 → 2"]
    assert differences(old, old) == []
