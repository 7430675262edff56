"""What a managed platform says of configuration, plugins, providers, jobs, default connections and signing in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.foundation.heartbeats import beat
from controlplane.ledger.models.runtime import Runtime
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door

REFUSED = {
    "detail": "Your Airflow administrator chose not to expose the configuration, "
    "most likely for security reasons."
}


def test_configuration_is_not_exposed(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    for path in ("/config", "/config/section/core/option/dags_folder"):
        answer = member.v2().get(path)
        assert (answer.status, answer.body) == (403, REFUSED)
        assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}


def test_no_plugin_is_loaded_here(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    assert viewer.v2().get("/plugins").body == {"plugins": [], "total_entries": 0}
    assert viewer.v2().get("/plugins/importErrors").body == {"import_errors": [], "total_entries": 0}
    assert viewer.v2().get("/plugins", {"limit": "many"}).status == 422
    assert stranger.v2(at=tenant).get("/plugins").status == 404


def test_providers_of_the_newest_runtime(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    pins = "apache-airflow-providers-http==5.3.0\npandas==2.2.0\napache-airflow-providers-amazon[s3]==9.1.0\n"
    with tenant_scope(tenant.id):
        for number, requirements in enumerate(("apache-airflow-providers-ftp==1.0.0\n", pins)):
            Runtime(
                tenant=tenant,
                digest=str(number) * 64,
                airflow="3.3.2",
                python="3.11",
                requirements=requirements,
                state="ready",
                created_at=utc_now(),
                ready_at=utc_now() + timedelta(seconds=number),
            ).save(force_insert=True)
    found = viewer.v2().get("/providers")
    assert [(one["package_name"], one["version"]) for one in found["providers"]] == [
        ("apache-airflow-providers-amazon", "9.1.0"),
        ("apache-airflow-providers-http", "5.3.0"),
    ]
    assert viewer.v2().get("/providers", {"offset": 1})["providers"] == found["providers"][1:]
    assert stranger.v2().get("/providers")["total_entries"] == 0


def test_jobs_are_the_loops_that_beat(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    assert viewer.v2().get("/jobs").body == {"jobs": [], "total_entries": 0}
    beat(service="scheduler", now=utc_now())
    beat(service="triggerer", now=utc_now() - timedelta(hours=1))
    [first, second] = viewer.v2().get("/jobs")["jobs"]
    assert (first["job_type"], first["state"], first["hostname"]) == ("SchedulerJob", "running", None)
    assert (second["job_type"], second["state"]) == ("TriggererJob", "failed")

    def kinds(**query: str) -> list[str]:
        return [job["job_type"] for job in viewer.v2().get("/jobs", query)["jobs"]]

    assert kinds(is_alive="true") == ["SchedulerJob"]
    assert kinds(order_by="-id") == ["TriggererJob", "SchedulerJob"]
    assert kinds(job_type="TriggererJob") == ["TriggererJob"]
    assert kinds(job_state="failed") == ["TriggererJob"]
    assert kinds(start_date_gte="2020-01-01T00:00:00Z") == []
    assert viewer.v2().get("/jobs", {"order_by": "pid"}).status == 400
    assert stranger.v2(at=tenant).get("/jobs").status == 404


def test_there_are_no_default_connections(member: Actor, viewer: Actor) -> None:
    assert member.v2().post("/connections/defaults").body == {"detail": "Forbidden"}
    assert viewer.v2().post("/connections/defaults").status == 403
    assert member.v2().get("/connections")["total_entries"] == 0


@pytest.mark.parametrize("name", ["test", "defaults", "enqueue-test"])
def test_a_connection_may_have_the_name_of_an_operation(member: Actor, name: str) -> None:
    assert member.v2().post("/connections", {"connection_id": name, "conn_type": "http"}).status == 201
    if name != "enqueue-test":
        assert member.v2().get(f"/connections/{name}")["connection_id"] == name
    assert member.v2().delete(f"/connections/{name}").status == 204


def test_sign_in_and_out_lead_to_the_portal(nobody: Door) -> None:
    answer = nobody.get("/auth/login")
    assert (answer.status, answer.headers["Location"]) == (307, "http://127.0.0.1:8080/sign-in")
    led = nobody.get("/auth/login", {"next": "/t/alpha/dags?a=1"})
    assert led.headers["Location"] == "http://127.0.0.1:8080/sign-in?next=%2Ft%2Falpha%2Fdags%3Fa%3D1"
    assert nobody.get("/auth/logout").headers["Location"] == "http://127.0.0.1:8080/sign-in"


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "https:\\\\elsewhere.example",
        "javascript:alert(1)",
        "http://127.0.0.1:8080@elsewhere.example/",
        "%2F%2Felsewhere.example",
        "\t//elsewhere.example",
        "/\t/elsewhere.example",
    ],
)
def test_nobody_is_led_elsewhere(nobody: Door, target: str) -> None:
    answer = nobody.get("/auth/login", {"next": target})
    assert (answer.status, answer.body) == (400, {"detail": "Invalid or unsafe next URL"})
