"""Deployments: one object switches everything, later ones win, roll-back needs nobody, runs keep what they had."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from controlplane.bundles import deployments
from controlplane.bundles.runtimes import store_built
from controlplane.dagprocessor.deploy import put_waiting_in_force
from controlplane.dagprocessor.store import store_report
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.pool import Pool
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.runs.trigger import trigger_run
from controlplane.secrets import overlays
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, failure, make_runtime_ready, parsed, publish_files, report_for
from tests.support.deployments import push, states, store_parsed
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)


def roll_back(tenant: Tenant, number: int) -> Deployment:
    """As the portal does it, without its door."""
    now = utc_now()
    with tenant_scope(tenant.id):
        target = deployments.get_deployment(number=number)
        made = deployments.ask_for(
            bundle=target.bundle_version,
            reason="rollback",
            created_by="somebody",
            message="",
            now=now,
            overlay=target.overlay_id,
            of_number=number,
        )
        put_waiting_in_force(bundle=target.bundle_version, now=now)
        return deployments.get_deployment(number=made.number)


def bind(tenant: Tenant, bundle: BundleVersion, **values: object) -> Deployment:
    now = utc_now()
    with tenant_scope(tenant.id):
        overlay = overlays.make(values=overlays.Values(**values), created_by="me", now=now)  # type: ignore[arg-type]
        made = deployments.ask_for(
            bundle=bundle, reason="person", created_by="me", message="", now=now, overlay=overlay
        )
        put_waiting_in_force(bundle=bundle, now=now)
        return deployments.get_deployment(number=made.number)


def dag(tenant: Tenant, dag_id: str = "a") -> Dag:
    with tenant_scope(tenant.id):
        return Dag.objects.get(dag_id=dag_id)


def trigger(run_id: str) -> None:
    trigger_run(
        dag_id="a",
        run_id=run_id,
        logical_date=None,
        run_after=None,
        conf=None,
        note=None,
        triggered_by="test",
        user=None,
        now=utc_now(),
    )


def run(tenant: Tenant, run_id: str) -> DagRun:
    with tenant_scope(tenant.id):
        trigger(run_id)
    with tenant_scope(tenant.id):
        return DagRun.objects.select_related("dag_version").get(run_id=run_id)


def test_every_push_is_a_deployment_when_it_is_parsed(tenant: Tenant) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    assert states(tenant) == [(1, "upload", "waiting")]
    store_parsed(tenant, bundle, parsed("dags/a.py", chain("a", 1)))
    push(tenant, "two", 2, source="git")
    assert states(tenant) == [(1, "upload", "superseded"), (2, "push", "active")]
    with tenant_scope(tenant.id):
        second = deployments.get_deployment(number=2)
    assert second.summary == {"dags": {"new": [], "changed": ["a"], "gone": [], "failing_files": []}}


def test_the_same_push_twice_is_one_deployment(tenant: Tenant) -> None:
    push(tenant, "one")
    publish_files(tenant, {"dags/a.py": dag_file("a") + b"# one\n", "lib/shared.py": b"V = 'one'\n"})
    assert [state for _, _, state in states(tenant)] == ["active"]


def test_a_roll_back_switches_everything_in_its_own_transaction(tenant: Tenant) -> None:
    first = push(tenant, "one", 1)
    old = dag(tenant)
    kept = run(tenant, "before")
    push(tenant, "two", 2, more={"requirements.txt": b""})
    during = run(tenant, "during")
    made = roll_back(tenant, 1)
    assert (made.state, made.reason, made.of_number, made.number) == ("active", "rollback", 1, 3)
    assert (dag(tenant).current_version_id, dag(tenant).bundle_version_id) == (
        old.current_version_id,
        first.id,
    )
    after = run(tenant, "after")
    assert (after.bundle_version_id, after.deployment_id) == (first.id, made.id)
    with tenant_scope(tenant.id):
        again = {row.run_id: row for row in DagRun.objects.all()}
        # Begun runs go on as they were.
        assert again["before"].bundle_version_id == kept.bundle_version_id
        assert again["during"].dag_version_id == during.dag_version_id
        assert TaskInstance.objects.filter(run_id="during").count() == 2
        assert TaskInstance.objects.filter(run_id="after").count() == 1


def test_a_dag_that_a_roll_back_takes_away_is_stale_and_comes_back(tenant: Tenant) -> None:
    push(tenant, "one")
    more = publish_files(tenant, {"dags/a.py": dag_file("a") + b"# one\n", "dags/b.py": dag_file("b")})
    store_parsed(tenant, more, parsed("dags/a.py", chain("a", 1)), parsed("dags/b.py", chain("b", 1)))
    roll_back(tenant, 1)
    assert (dag(tenant, "a").is_stale, dag(tenant, "b").is_stale) == (False, True)
    made = roll_back(tenant, 2)
    assert dag(tenant, "b").is_stale is False
    assert made.summary["dags"]["gone"] == []


def test_a_roll_back_works_over_a_file_that_had_timed_out(tenant: Tenant) -> None:
    """What may pass by itself is not parsed again now: a roll-back waits for no agent."""
    files = {"dags/a.py": dag_file("a"), "dags/slow.py": dag_file("slow")}
    slow = parsed("dags/slow.py", failures=[failure("dags/slow.py", "took too long", kind="timeout")])
    store_parsed(tenant, publish_files(tenant, files), parsed("dags/a.py", chain("a", 1)), slow)
    push(tenant, "two", 2)
    assert roll_back(tenant, 1).state == "active"
    with tenant_scope(tenant.id):
        assert list(FileError.objects.values_list("filename", flat=True)) == ["dags/slow.py"]


def test_what_was_asked_for_last_wins_whatever_is_ready_first(tenant: Tenant) -> None:
    push(tenant, "one", 1)
    slow = publish_files(tenant, {"dags/a.py": dag_file("a") + b"# slow"})
    roll_back(tenant, 1)
    store_parsed(tenant, slow, parsed("dags/a.py", chain("a", 5)))
    assert states(tenant) == [
        (1, "upload", "superseded"),
        (2, "upload", "dropped"),
        (3, "rollback", "active"),
    ]
    assert run(tenant, "now").dag_version.version_number == 1


def test_by_hand_a_push_is_checked_and_changes_nothing_until_somebody_deploys(tenant: Tenant) -> None:
    push(tenant, "one", 1)
    with tenant_scope(tenant.id):
        deployments.set_mode(mode="manual")
    files = {"dags/a.py": dag_file("a") + b"# two", "dags/new.py": dag_file("new")}
    told = (parsed("dags/a.py", chain("a", 2)), parsed("dags/new.py", chain("new", 1)))
    waiting = store_parsed(tenant, publish_files(tenant, files), *told)
    assert waiting.state == "parsed"
    assert states(tenant) == [(1, "upload", "active")]
    assert (run(tenant, "old").dag_version.version_number, dag(tenant, "new").is_stale) == (1, True)
    made = bind(tenant, waiting)
    assert made.state == "active"
    assert made.summary["dags"] == {"new": ["new"], "changed": ["a"], "gone": [], "failing_files": []}
    assert (run(tenant, "new").dag_version.version_number, dag(tenant, "new").is_stale) == (2, False)


def test_pinned_pushes_wait_and_unpinned_ones_deploy_again(tenant: Tenant) -> None:
    push(tenant, "one", 1)
    with tenant_scope(tenant.id):
        deployments.set_mode(pinned=1)
    push(tenant, "two", 2)
    assert states(tenant) == [(1, "upload", "active")]
    with tenant_scope(tenant.id):
        deployments.set_mode(pinned=None)
    push(tenant, "three", 3)
    assert [state for _, _, state in states(tenant)] == ["superseded", "active"]


def test_a_version_that_cannot_be_built_fails_its_deployment_and_leaves_the_last(tenant: Tenant) -> None:
    push(tenant, "one", 1)
    bad = publish_files(tenant, {"dags/a.py": dag_file("a"), "requirements.txt": b"no-such-thing==1"})
    with tenant_scope(tenant.id):
        assert bad.runtime_id is not None
        store_built(runtime_id=bad.runtime_id, ok=False, message="conflict: x", log="", now=utc_now())
    assert states(tenant) == [(1, "upload", "active"), (2, "upload", "failed")]
    with tenant_scope(tenant.id):
        assert "conflict: x" in deployments.get_deployment(number=2).summary["error"]
    assert run(tenant, "still").dag_version.version_number == 1


def test_pools_come_and_go_with_the_deployment(tenant: Tenant) -> None:
    bundle = push(tenant, "one")
    with tenant_scope(tenant.id):
        Pool.objects.create(tenant=tenant, name="db", slots=3)
    bind(tenant, bundle, pools={"db": 8, "fresh": 2})
    assert pools(tenant) == {"db": 8, "fresh": 2}
    bind(tenant, bundle, pools={"db": 9})
    assert pools(tenant) == {"db": 9, "fresh": 2}
    roll_back(tenant, 1)
    assert pools(tenant) == {"db": 3, "fresh": 2}
    roll_back(tenant, 2)
    with tenant_scope(tenant.id):
        Pool.objects.filter(name="db").update(slots=77)
    roll_back(tenant, 1)
    assert pools(tenant)["db"] == 77, "changed by hand meanwhile: theirs"


def pools(tenant: Tenant) -> dict[str, int]:
    with tenant_scope(tenant.id):
        return dict(Pool.objects.exclude(name="default_pool").values_list("name", "slots"))


def test_bound_values_are_the_runs_own_for_ever(tenant: Tenant) -> None:
    bundle = push(tenant, "one")
    bind(
        tenant, bundle, variables={"region": "north"}, connections={"db": {"conn_type": "http", "host": "n"}}
    )
    first = run(tenant, "first")
    bind(tenant, bundle, variables={"region": "south"})
    second = run(tenant, "second")
    with tenant_scope(tenant.id):
        seen = [
            overlays.find_variable(dag_id="a", run_id=row.run_id, key="region") for row in (first, second)
        ]
        hosts = [
            overlays.find_connection(dag_id="a", run_id=row.run_id, conn_id="db") for row in (first, second)
        ]
    assert seen == ["north", "south"]
    assert hosts[0] is not None and hosts[0]["host"] == "n"
    assert hosts[1] is None


def test_a_push_keeps_what_is_bound(tenant: Tenant) -> None:
    bind(tenant, push(tenant, "one"), variables={"region": "north"})
    push(tenant, "two", 2)
    later = run(tenant, "later")
    with tenant_scope(tenant.id):
        assert overlays.find_variable(dag_id="a", run_id=later.run_id, key="region") == "north"


def test_a_report_twice_and_a_parse_again_make_no_second_deployment(tenant: Tenant) -> None:
    bundle = push(tenant, "one")
    with tenant_scope(tenant.id):
        BundleVersion.objects.filter(id=bundle.id).update(state="received")
        report = report_for(bundle, parsed("dags/a.py", chain("a", 4)))
    with tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report, now=utc_now())
    assert states(tenant) == [(1, "upload", "active")]
    assert run(tenant, "again").dag_version.version_number == 2


def test_no_run_mixes_versions_while_deployments_change_under_load(tenant: Tenant) -> None:
    """Four threads trigger while one deploys to and fro: each run's tasks, bundle and values are of one piece."""
    first = push(tenant, "one", 1)
    second = push(tenant, "two", 2, more={"requirements.txt": b"# same\n"})
    bind(tenant, first, variables={"v": "1"})
    bind(tenant, second, variables={"v": "2"})
    stop = threading.Event()
    failures: list[BaseException] = []

    def load(name: str) -> None:
        try:
            number = 0
            while not stop.is_set():
                number += 1
                with tenant_scope(tenant.id):
                    trigger(f"{name}-{number}")
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=load, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for number in range(12):
        roll_back(tenant, 3 + number % 2)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    with tenant_scope(tenant.id):
        sizes = {version.id: len(version.spec["tasks"]) for version in DagVersion.objects.filter(dag_id="a")}
        of_deployment = dict(Deployment.objects.values_list("id", "bundle_version_id"))
        size_of_bundle = {first.id: 1, second.id: 2}
        runs = list(DagRun.objects.all())
        tasks = {row.id: TaskInstance.objects.filter(dag_run_id=row.id).count() for row in runs[:200]}
        for row in runs:
            wanted = size_of_bundle[row.bundle_version_id]
            assert sizes[row.dag_version_id] == wanted
            assert of_deployment[row.deployment_id] == row.bundle_version_id
            assert tasks.get(row.id, wanted) == wanted
        values = {
            overlays.find_variable(dag_id="a", run_id=row.run_id, key="v"): size_of_bundle[
                row.bundle_version_id
            ]
            for row in runs[:200]
        }
    assert {row.bundle_version_id for row in runs} == {first.id, second.id}, (
        "both were seen: the load was real"
    )
    assert values == {"1": 1, "2": 2}


def test_strangers_have_their_own_numbers(tenant: Tenant, other_tenant: Tenant) -> None:
    push(tenant, "one")
    push(other_tenant, "one")
    assert states(tenant) == states(other_tenant) == [(1, "upload", "active")]
    make_runtime_ready(tenant, push(tenant, "two"))
    with tenant_scope(other_tenant.id), pytest.raises(deployments.DeploymentUnknown):
        deployments.get_deployment(number=2)
