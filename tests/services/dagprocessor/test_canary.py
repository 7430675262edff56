"""Deployments that are tried out in force: a run or a look at import errors; what fails is rolled back, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from api.agent import wiring
from controlplane.alerts import recovery, weigh
from controlplane.bundles import canaries, deployments
from controlplane.bundles.canaries import Trial
from controlplane.dagprocessor.canary import canaries_due
from controlplane.dagprocessor.deploy import put_waiting_in_force
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.alert import Alert
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.alert_signal import AlertSignal
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.canary import Canary
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.work_item import WorkItem
from controlplane.scheduler import work
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.audit_rows import audit_rows
from tests.support.bundles import dag_file, failure, parsed, publish_files
from tests.support.deployments import push, states, store_parsed
from tests.support.specs import chain
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db(transaction=True)
FAILS: Any = lambda _: ("failed", [])  # noqa: E731


@pytest.fixture
def walk(tenant: Tenant) -> Walk:
    """One deployment is in force; later ones are tried."""
    push(tenant, "one")
    made = walk_for(tenant)
    made.handlers = wiring.ITEM_HANDLERS
    made.schedule()
    return made


def want(tenant: Tenant, trial: Trial | None) -> None:
    with tenant_scope(tenant.id):
        canaries.set_standing(trial=trial)


def trials(tenant: Tenant) -> list[Canary]:
    with tenant_scope(tenant.id):
        return list(Canary.objects.select_related("deployment").order_by("id"))


def finish(walk: Walk, outcome: Any = None) -> None:
    """The trial begins, its run goes to its end, and the trial hears of it."""
    walk.schedule()
    walk.run_all(outcome)
    walk.schedule()


def look_later(tenant: Tenant, **after: float) -> None:
    with tenant_scope(tenant.id):
        canaries_due(ref=None, now=utc_now() + timedelta(**after))


def waiting_items(tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        return WorkItem.objects.filter(kind="canary").count()


def test_a_run_that_succeeds_passes_and_nothing_else_happens(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a", conf={"only": "smoke"}))
    bundle = push(tenant, "two")
    assert [(one.state, one.run_id) for one in trials(tenant)] == [("waiting", "")]
    walk.schedule()
    [trial] = trials(tenant)
    assert (trial.state, trial.run_id) == ("running", "canary__2")
    with tenant_scope(tenant.id):
        run = DagRun.objects.get(run_id="canary__2")
    assert (run.bundle_version_id, run.conf, run.triggering_user_name) == (
        bundle.id,
        {"only": "smoke"},
        "canary",
    )
    finish(walk)
    [trial] = trials(tenant)
    assert (trial.state, trial.message) == ("passed", "the run canary__2 of DAG 'a' succeeded")
    assert states(tenant) == [(1, "upload", "superseded"), (2, "upload", "active")]


def test_a_run_that_fails_rolls_back_to_what_was_in_force(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two", 2)
    finish(walk, FAILS)
    [trial] = trials(tenant)
    assert (trial.state, trial.rolled_back_by) == ("failed", 3)
    assert trial.message == "the run canary__2 of DAG 'a' failed in task_0; rolled back to deployment 1"
    assert states(tenant)[1:] == [(2, "upload", "superseded"), (3, "rollback", "active")]
    with tenant_scope(tenant.id):
        made = deployments.in_force()
    assert made is not None
    assert (made.of_number, made.created_by, made.message) == (
        1,
        "canary",
        "Roll back to 1: the canary of 2 failed",
    )
    assert [row["action"] for row in audit_rows(tenant, action="deployment.canary.failed")] != []
    # A roll-back is not tried itself, and what is over stays so.
    look_later(tenant, hours=1)
    assert (len(trials(tenant)), states(tenant)[-1]) == (1, (3, "rollback", "active"))


def test_marking_leaves_it_in_force_with_the_reason(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a", on_failure="mark"))
    push(tenant, "two")
    finish(walk, FAILS)
    [trial] = trials(tenant)
    assert (trial.state, trial.rolled_back_by) == ("failed", None)
    assert "failed in task_0" in trial.message
    assert states(tenant)[-1] == (2, "upload", "active")


def test_without_a_dag_no_file_may_fail_to_import(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial())
    push(tenant, "two")
    walk.schedule()
    assert [one.state for one in trials(tenant)] == ["passed"]
    files = {"dags/a.py": dag_file("a"), "dags/b.py": dag_file("b")}
    broken = parsed("dags/b.py", failures=[failure("dags/b.py", "ImportError: no")])
    store_parsed(tenant, publish_files(tenant, files), parsed("dags/a.py", chain("a", 1)), broken)
    walk.schedule()
    trial = trials(tenant)[-1]
    assert (trial.state, trial.message) == (
        "failed",
        "these files fail to import: dags/b.py; rolled back to deployment 2",
    )
    assert states(tenant)[-1] == (4, "rollback", "active")


@pytest.mark.parametrize(
    ("dag_id", "said"),
    [
        ("b", "the file of DAG 'b' fails to import"),
        ("gone", "the deployment has no DAG 'gone'"),
        ("a", "DAG 'a' is paused, so that its run would not begin"),
    ],
)
def test_a_trial_that_says_nothing_of_the_deployment_has_failed(
    tenant: Tenant, walk: Walk, dag_id: str, said: str
) -> None:
    good = {"dags/a.py": dag_file("a"), "dags/b.py": dag_file("b")}
    store_parsed(
        tenant,
        publish_files(tenant, good),
        parsed("dags/a.py", chain("a", 1)),
        parsed("dags/b.py", chain("b", 1)),
    )
    with tenant_scope(tenant.id):
        Dag.objects.filter(dag_id="a").update(is_paused=True)
    want(tenant, Trial(dag_id=dag_id))
    worse = {"dags/a.py": dag_file("a") + b"# 2\n", "dags/b.py": b"import nothing\n# dag airflow\n"}
    broken = parsed("dags/b.py", failures=[failure("dags/b.py", "ImportError: no")])
    store_parsed(tenant, publish_files(tenant, worse), parsed("dags/a.py", chain("a", 1)), broken)
    walk.schedule()
    [trial] = trials(tenant)
    assert (trial.state, trial.message) == ("failed", f"{said}; rolled back to deployment 2")
    with tenant_scope(tenant.id):
        assert not DagRun.objects.filter(run_id__startswith="canary__").exists()


def test_a_run_that_takes_too_long_has_failed(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a", seconds=60))
    push(tenant, "two")
    walk.schedule()
    look_later(tenant, seconds=50)
    assert [one.state for one in trials(tenant)] == ["running"]
    look_later(tenant, seconds=61)
    [trial] = trials(tenant)
    assert trial.message.startswith("the run canary__2 of DAG 'a' was not over within 60 s; rolled back")


def test_a_run_that_was_deleted_has_failed(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    walk.schedule()
    with tenant_scope(tenant.id):
        DagRun.objects.filter(run_id="canary__2").delete()
    look_later(tenant, seconds=15)
    assert [(one.state, "was deleted" in one.message) for one in trials(tenant)] == [("failed", True)]


def test_what_came_later_stays(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    walk.schedule()
    want(tenant, None)
    push(tenant, "three")
    finish(walk, FAILS)
    [trial] = trials(tenant)
    assert trial.message.endswith("; deployment 3 is in force by now, so nothing was rolled back")
    assert states(tenant)[-1] == (3, "upload", "active")


def test_what_waits_comes_after_the_roll_back(tenant: Tenant, walk: Walk) -> None:
    """A mend that was pushed while the trial went on is not dropped by it, and is tried as it was to be."""
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    walk.schedule()
    mend = publish_files(tenant, {"dags/a.py": dag_file("a") + b"# mended\n"})
    assert states(tenant)[-1] == (3, "upload", "waiting")
    finish(walk, FAILS)
    assert states(tenant)[1:] == [
        (2, "upload", "superseded"),
        (3, "upload", "dropped"),
        (4, "rollback", "active"),
        (5, "upload", "waiting"),
    ]
    store_parsed(tenant, mend, parsed("dags/a.py", chain("a", 1)))
    assert states(tenant)[-2:] == [(4, "rollback", "superseded"), (5, "upload", "active")]
    finish(walk)
    assert [(one.deployment.number, one.state) for one in trials(tenant)][-1] == (5, "passed")
    # Later failures go back to what was tried and passed, never to 2 or 3.
    push(tenant, "six")
    finish(walk, FAILS)
    assert trials(tenant)[-1].message.endswith("rolled back to deployment 5")


def test_nobody_is_rolled_back_to_what_failed_itself(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a", on_failure="mark"))
    push(tenant, "two")
    finish(walk, FAILS)
    want(tenant, Trial(dag_id="a"))
    push(tenant, "three")
    finish(walk, FAILS)
    assert trials(tenant)[-1].message.endswith("rolled back to deployment 1")


def test_the_first_deployment_has_nothing_behind_it(tenant: Tenant) -> None:
    walk = walk_for(tenant)
    walk.handlers = wiring.ITEM_HANDLERS
    want(tenant, Trial(dag_id="a"))
    push(tenant, "one")
    finish(walk, FAILS)
    [trial] = trials(tenant)
    assert trial.message.endswith("there is no earlier deployment to roll back to")
    assert states(tenant) == [(1, "upload", "active")]


def test_one_that_never_was_in_force_is_not_tried(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    late = publish_files(tenant, {"dags/a.py": dag_file("a") + b"# late\n"})
    want(tenant, None)
    push(tenant, "three")
    store_parsed(tenant, late, parsed("dags/a.py", chain("a", 1)))
    walk.run_all()
    [trial] = trials(tenant)
    assert (trial.deployment.state, trial.state, trial.run_id) == ("dropped", "waiting", "")


def test_one_that_was_replaced_before_it_began_is_dropped(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    want(tenant, None)
    push(tenant, "three")
    walk.schedule()
    assert [one.state for one in trials(tenant)] == ["dropped"]


def test_a_tenant_without_trials_has_no_items_and_no_rows(tenant: Tenant, walk: Walk) -> None:
    push(tenant, "two")
    assert (waiting_items(tenant), trials(tenant)) == (0, [])


def test_the_end_of_its_run_is_heard_of_at_once(
    tenant: Tenant, walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the scheduler's word the trial waits for its next look."""
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    monkeypatch.setattr(work, "CANARY_RUN", "something else")
    finish(walk)
    assert [one.state for one in trials(tenant)] == ["running"]
    look_later(tenant, seconds=15)
    assert [one.state for one in trials(tenant)] == ["passed"]


def test_other_tenants_are_not_looked_at(tenant: Tenant, other_tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    walk.schedule()
    look_later(other_tenant, days=9)
    assert [one.state for one in trials(tenant)] == ["running"]


def test_the_same_files_with_other_values_are_tried_again(tenant: Tenant, walk: Walk) -> None:
    now = utc_now()
    with tenant_scope(tenant.id):
        bundle = BundleVersion.objects.get()
        deployments.ask_for(
            bundle=bundle, reason="person", created_by="me", message="", now=now, trial=Trial(dag_id="a")
        )
        put_waiting_in_force(bundle=bundle, now=now)
    finish(walk, FAILS)
    assert trials(tenant)[-1].message.endswith("rolled back to deployment 1")
    assert states(tenant)[-1] == (3, "rollback", "active")


def alerts(tenant: Tenant, *, check_at: Any = None) -> list[tuple[str, list[str], list[str]]]:
    """(state, DAGs, what is said) of each, after those that go on were looked at again."""
    with tenant_scope(tenant.id):
        weigh.signals_due(ref=None, now=utc_now(), using="default")
        for alert in Alert.objects.all() if check_at else ():
            recovery.check_due(ref=alert.id, now=check_at, using="default")
        found = Alert.objects.order_by("id")
        return [(one.state, one.dags, [item["what"] for item in one.items]) for one in found]


def test_a_failure_is_told_to_whom_a_rule_names_until_something_else_is_in_force(
    tenant: Tenant, walk: Walk
) -> None:
    now = utc_now()
    with tenant_scope(tenant.id):
        AlertRule(tenant=tenant, name="t", kind="canary_failed", created_at=now, updated_at=now).save()
    want(tenant, Trial(dag_id="a", on_failure="mark"))
    push(tenant, "two")
    finish(walk, FAILS)
    said = ["a deployment failed its trial: deployment 2: the run canary__2 of DAG 'a' failed in task_0"]
    assert alerts(tenant, check_at=now + timedelta(hours=3)) == [("open", ["a"], said)]
    want(tenant, None)
    push(tenant, "three")
    assert alerts(tenant, check_at=now + timedelta(hours=4)) == [("resolved", [], said)]


def test_a_failure_that_no_rule_wants_is_written_nowhere(tenant: Tenant, walk: Walk) -> None:
    want(tenant, Trial(dag_id="a"))
    push(tenant, "two")
    finish(walk, FAILS)
    assert [one.state for one in trials(tenant)] == ["failed"]
    with tenant_scope(tenant.id):
        assert not AlertSignal.objects.exists()
