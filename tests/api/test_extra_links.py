"""GET …/links and …/externalLogUrl; PUT /parseDagFile/{file_token}; GET …/wait."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from controlplane.execution import by_hand
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.file_parse import FileParse
from controlplane.ledger.models.work_item import WorkItem
from controlplane.runs import await_run
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag, put_states, ready_runtime
from tests.support.specs import dag, task

RUN = "/dags/beta/dagRuns/r1"
LINKS = f"{RUN}/taskInstances/a/links"


@pytest.fixture(autouse=True)
def run(tenant: Tenant) -> DagRun:
    keys = {"Docs": "_link_DocsLink", "Job": "_link_JobLink"}
    spec = dag(
        "beta",
        [task("a", extra_links=sorted(keys), extra_link_keys=keys), task("b")],
        dag_result_task_id="a",
    )
    made = created_run(tenant, parsed_dag(tenant, spec), run_id="r1")
    put_states(tenant, made, a="success")
    return made


def _push(tenant: Tenant, run: DagRun, key: str, value: Any, task_id: str = "a", map_index: int = -1) -> None:
    with tenant_scope(tenant.id):
        by_hand.add_xcom(run=run, task_id=task_id, map_index=map_index, key=key, value=value, now=utc_now())


def test_links_that_the_worker_left(tenant: Tenant, run: DagRun, viewer: Actor, stranger: Actor) -> None:
    _push(tenant, run, "_link_JobLink", "https://jobs.example/7")
    answer = viewer.v2().get(LINKS)
    assert answer.body == {
        "extra_links": {"Docs": None, "Job": "https://jobs.example/7"},
        "total_entries": 2,
    }
    assert viewer.v2().get(LINKS, {"try_number": 9})["detail"].startswith("TaskInstanceHistory not found")
    assert viewer.v2().get(LINKS, {"map_index": 4})["detail"] == "TaskInstance not found"
    assert viewer.v2().get(LINKS.replace("/a/", "/b/")).body == {"extra_links": {}, "total_entries": 0}
    assert stranger.v2().get(LINKS)["detail"] == "TaskInstance not found"
    assert stranger.v2(at=tenant).get(LINKS).body == {"detail": "Not Found"}


def test_there_is_no_other_place_for_logs(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    path = f"{RUN}/taskInstances/a/externalLogUrl/1"
    answer = viewer.v2().get(path)
    assert (answer.status, answer["detail"]) == (400, "Task log handler does not support external logs.")
    assert stranger.v2(at=tenant).get(path).status == 404


@pytest.fixture
def parsed(tenant: Tenant) -> BundleVersion:
    """The newest bundle version has the DAG's file, and a result of it."""
    runtime = ready_runtime(tenant)
    with tenant_scope(tenant.id):
        bundle = BundleVersion.objects.order_by("-id").first()
        assert bundle is not None
        bundle.files, bundle.candidates = {"dags/beta.py": "1" * 64}, ["dags/beta.py"]
        bundle.state, bundle.runtime = "parsed", runtime
        bundle.save()
        FileParse(
            tenant=tenant,
            path="dags/beta.py",
            sha256="1" * 64,
            runtime_digest=runtime.digest,
            dependencies={},
            parsed_at=utc_now(),
        ).save(force_insert=True)
    return bundle


def test_a_file_is_parsed_again(
    tenant: Tenant, parsed: BundleVersion, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    token = member.v2().get("/dags/beta")["file_token"]
    path = f"/parseDagFile/{token}"
    assert viewer.v2().call("PUT", path).status == 403
    assert stranger.v2(at=tenant).call("PUT", path).body == {"detail": "Not Found"}
    assert stranger.v2().call("PUT", path)["detail"] == "File not found"
    assert member.v2().call("PUT", "/parseDagFile/made-up")["detail"] == "File not found"
    with tenant_scope(tenant.id):
        assert FileParse.objects.exists()
    assert member.v2().call("PUT", path).status == 201
    with tenant_scope(tenant.id):
        assert not FileParse.objects.exists()
        assert WorkItem.objects.filter(kind="parse", ref=parsed.id).exists()
        assert BundleVersion.objects.get(id=parsed.id).state == "received"
    assert member.v2().call("PUT", path).status == 201, "asked for twice, it is parsed once"


def _lines(answer: Any) -> list[Any]:
    return [json.loads(line) for line in answer.body.splitlines()]


def _finish(tenant: Tenant, state: str) -> None:
    with tenant_scope(tenant.id):
        DagRun.objects.filter(run_id="r1").update(state=state)


def test_a_run_that_is_over_tells_its_results(tenant: Tenant, run: DagRun, viewer: Actor) -> None:
    _push(tenant, run, "return_value", {"n": 1})
    for index in (1, 0):
        _push(tenant, run, "return_value", index, task_id="b", map_index=index)
    _finish(tenant, "success")
    answer = viewer.v2().get(f"{RUN}/wait", {"interval": 1})
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert _lines(answer) == [{"state": "success", "results": {"a": {"n": 1}}}]
    named = viewer.v2().get(f"{RUN}/wait", {"interval": 1, "result": "b"})
    assert _lines(named) == [{"state": "success", "results": {"b": [0, 1]}}]
    assert _lines(viewer.v2().get(f"{RUN}/wait", {"interval": 1, "result": "none"})) == [{"state": "success"}]


def test_each_look_is_a_line(tenant: Tenant, viewer: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        def wait(self, seconds: float) -> None:
            assert seconds == await_run.LEAST_INTERVAL, "nobody may ask all the time"
            _finish(tenant, "failed")

    monkeypatch.setattr(await_run, "_never", Clock())
    assert _lines(viewer.v2().get(f"{RUN}/wait", {"interval": 0.001})) == [
        {"state": "queued"},
        {"state": "failed"},
    ]


def test_only_a_few_may_wait_and_none_for_ever(viewer: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(await_run, "MOST_SECONDS", 0.0)
    held = [
        await_run.looks(lambda: (1, False), interval_seconds=1, seconds=0)
        for _ in range(await_run.MOST_WAITING)
    ]
    assert [next(each) for each in held] == [1] * await_run.MOST_WAITING
    refused = viewer.v2().get(f"{RUN}/wait", {"interval": 1})
    assert (refused.status, refused.headers["Retry-After"]) == (429, "5")
    assert [list(each) for each in held] == [[]] * await_run.MOST_WAITING, "their time is over"
    again = await_run.looks(lambda: (1, False), interval_seconds=1, seconds=timedelta().total_seconds())
    assert list(again) == [1]


@pytest.mark.parametrize(("query", "status"), [({}, 422), ({"interval": 0}, 422), ({"interval": "x"}, 422)])
def test_mistakes_in_waiting(viewer: Actor, query: dict[str, Any], status: int) -> None:
    assert viewer.v2().get(f"{RUN}/wait", query).status == status


def test_waiting_for_nothing(tenant: Tenant, viewer: Actor, stranger: Actor) -> None:
    query = {"interval": 1}
    absent = viewer.v2().get("/dags/beta/dagRuns/none/wait", query)
    assert absent["detail"] == "The DagRun with dag_id: `beta` and run_id: `none` was not found"
    assert stranger.v2().get(f"{RUN}/wait", query).status == 404
    assert stranger.v2(at=tenant).get(f"{RUN}/wait", query).body == {"detail": "Not Found"}
