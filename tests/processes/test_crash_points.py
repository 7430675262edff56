"""SIGKILL at every named point of the walk: nothing is lost, nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controlplane.dagprocessor.dispatch import dispatch_parse
from controlplane.executors.agents import beat_agent
from controlplane.foundation.clock import utc_now
from controlplane.foundation.crashpoints import POINTS
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.work_item import WorkItem
from controlplane.runs.trigger import RunExists
from taskwire.agent import Beat
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.bundles import dag_file, make_runtime_ready, parsed, publish_files, report_for
from tests.support.children import child
from tests.support.crash import Crash
from tests.support.factories import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant(database: None) -> Tenant:
    """Of a database without a stack: nobody but the processes of these tests works in it."""
    return make_tenant()


def _scheduler(it: Crash, at: str) -> None:
    it.trigger()
    it.dies("scheduler_round", at)


def _claim(it: Crash, at: str) -> None:
    it.trigger()
    it.walk.schedule()
    it.dies("claim", at, **it.agent())
    # The agent asks again, and names nothing in its beats: the answer never came.
    it.sql("UPDATE workload SET claimed_at = claimed_at - interval '1 hour'")
    message = Beat(agent_id=str(it.walk.agent.id), epoch=it.walk.agent.epoch)
    beat_agent(message=message, lease_seconds=60, using="scheduler")
    assert it.rescue() == (2 if at.endswith("after_commit") else 0)


def _report(it: Crash, at: str) -> None:
    it.trigger()
    it.walk.schedule()
    reports = [it.succeed(work) for work in it.walk.claim()]
    it.dies("report", at, reports=reports, **it.agent())
    # Nobody answered, so the agent says it again.
    with child("report", reports=reports, **it.agent()) as again:
        assert again.listen() == {"result": "done", "verdicts": ["accepted", "accepted"]}


def _rescue(it: Crash, at: str) -> None:
    it.trigger()
    it.walk.schedule()
    it.sql("UPDATE task_instance SET max_tries = 1")
    it.sql("UPDATE dag_task SET retry_delay_seconds = 0")
    assert len(it.walk.claim()) == 2
    it.silence_agents()
    it.dies("rescue", at)
    assert it.rescue() == (0 if at.endswith("after_commit") else 2)
    it.sql("UPDATE agent SET lease_until = clock_timestamp() + interval '1 minute'")


def _create(it: Crash, at: str) -> None:
    it.dies("trigger", at, dag_id="crash", run_id="run")
    if at.endswith("after_commit"):
        with pytest.raises(RunExists):
            it.trigger()
    else:
        it.trigger()


RUNS: dict[str, Callable[[Crash, str], None]] = {
    "scheduler.work": _scheduler,
    "executors.claim": _claim,
    "execution.report": _report,
    "maintenance.rescue": _rescue,
    "runs.create": _create,
}
"""Station and verb -> what is under way when a process dies there."""

BUNDLES = {"bundles.publish", "dagprocessor.store"}
COMMANDS = {"secrets.rotate"}
"""Die in tests/services/secrets/test_rotation.py: no task is under way in them."""


def _points(*verbs: str) -> list[str]:
    return [point for point in POINTS if point.rpartition(".")[0] in verbs]


def test_every_point_has_its_death() -> None:
    assert set(_points(*RUNS, *BUNDLES, *COMMANDS)) == set(POINTS)


@pytest.mark.parametrize("at", _points(*RUNS))
def test_every_task_succeeds_once(tenant: Tenant, superuser: Any, tmp_path: Path, at: str) -> None:
    it = Crash(tenant=tenant, superuser=superuser, journal=tmp_path / "journal")
    RUNS[at.rpartition(".")[0]](it, at)
    it.finish()
    it.check()


def test_the_check_sees_a_task_that_ran_twice(tenant: Tenant, superuser: Any, tmp_path: Path) -> None:
    """The control: the same flow, and a success that the ledger did not order."""
    it = Crash(tenant=tenant, superuser=superuser, journal=tmp_path / "journal")
    it.trigger()
    it.walk.schedule()
    works = it.walk.claim()
    for work in works:
        it.succeed(work)
        assert it.walk.say(work, "success").verdict == "accepted"
    it.succeed(works[0])
    it.finish()
    with pytest.raises(AssertionError, match="no success twice"):
        it.check()


def _bundles(tenant: Tenant) -> list[tuple[str, int]]:
    with tenant_scope(tenant.id):
        items = WorkItem.objects.filter(kind="parse")
        return [(row.state, items.filter(ref=row.id).count()) for row in BundleVersion.objects.all()]


@pytest.mark.parametrize("at", _points("bundles.publish"))
def test_a_push_is_one_version_however_often_it_is_tried(tenant: Tenant, at: str) -> None:
    files = {"dags/one.py": dag_file("one")}
    told = {path: data.decode() for path, data in files.items()}
    with child("publish", crash=at, tenant=str(tenant.id), files=told) as pusher:
        assert pusher.wait() == -9
    assert len(_bundles(tenant)) == (1 if at.endswith("after_commit") else 0)
    publish_files(tenant, files)
    assert _bundles(tenant) == [("received", 1)], "one version, and its parsing ordered once"


@pytest.mark.parametrize("at", _points("dagprocessor.store"))
def test_a_parse_is_stored_once_however_often_it_is_told(tenant: Tenant, at: str) -> None:
    bundle = publish_files(tenant, {"dags/one.py": dag_file("one")})
    make_runtime_ready(tenant, bundle)
    with tenant_scope(tenant.id):
        epoch = dispatch_parse(bundle_id=bundle.id, now=utc_now())
    assert epoch is not None
    report = report_for(bundle, parsed("dags/one.py", specs.chain("one", 2)))
    body = {"kind": "parsed", "body": msgspec.to_builtins(report)}
    told = {"id": str(bundle.id), "tenant_id": str(tenant.id), "epoch": epoch, "operations": [body]}
    arguments = {"agent": "", "epoch": 1, "reports": [told]}
    with child("report", crash=at, **arguments) as first:
        assert first.wait() == -9
    with tenant_scope(tenant.id):
        stored = BundleVersion.objects.get(id=bundle.id).state
    assert stored == ("parsed" if at.endswith("after_commit") else "parsing")
    with child("report", **arguments) as second:
        assert second.listen() == {"result": "done", "verdicts": ["accepted"]}
    with tenant_scope(tenant.id):
        assert BundleVersion.objects.get(id=bundle.id).state == "parsed"
        assert (Dag.objects.count(), DagVersion.objects.count()) == (1, 1)
