"""store_report: versions are content hashes, the last good version keeps running, strangers see nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from controlplane.bundles.publish import publish
from controlplane.dagprocessor import store
from controlplane.dagprocessor.dispatch import dispatch_parse, fail_parse
from controlplane.dagprocessor.store import ReportMismatched, store_report
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.import_error import ImportError as ImportErrorRow
from controlplane.ledger.models.work_item import WorkItem
from domain.past import PastRule
from taskwire.parsing import ParseReport
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, failure, make_runtime_ready, parsed, publish_files, report_for
from tests.support.specs import chain, dag, task

pytestmark = pytest.mark.django_db(transaction=True)


def deploy(tenant: Tenant, files: dict[str, bytes], *told: Any) -> BundleVersion:
    """Publish, and store that each file gave what `told` says."""
    bundle = publish_files(tenant, files)
    make_runtime_ready(tenant, bundle)
    with tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report_for(bundle, *told), now=utc_now())
    with tenant_scope(tenant.id):
        return BundleVersion.objects.get(id=bundle.id)


def versions(tenant: Tenant, dag_id: str) -> list[tuple[int, str]]:
    with tenant_scope(tenant.id):
        rows = DagVersion.objects.filter(dag_id=dag_id).order_by("version_number")
        return [(row.version_number, row.content_hash) for row in rows]


def dag_row(tenant: Tenant, dag_id: str) -> Dag:
    with tenant_scope(tenant.id):
        return Dag.objects.select_related("bundle_version").get(dag_id=dag_id)


def test_a_new_dag_is_stored_with_its_tasks(tenant: Tenant) -> None:
    spec = dag("etl", [task("a", "b", "c"), task("b", "c", retries=2), task("c", trigger_rule="all_done")])
    bundle = deploy(tenant, {"dags/etl.py": dag_file("etl")}, parsed("dags/etl.py", spec))
    row = dag_row(tenant, "etl")
    assert bundle.state == "parsed"
    assert (row.bundle_version_id, row.is_stale, row.has_import_errors) == (bundle.id, False, False)
    with tenant_scope(tenant.id):
        tasks = list(DagTask.objects.filter(dag_version_id=row.current_version_id).order_by("task_index"))
        version = DagVersion.objects.get(id=row.current_version_id)
    assert [(t.task_id, t.downstream, t.upstream_count, t.is_leaf) for t in tasks] == [
        ("a", [1, 2], 0, False),
        ("b", [2], 1, False),
        ("c", [], 2, True),
    ]
    assert [(t.max_tries, t.trigger_rule, t.priority_weight) for t in tasks] == [
        (0, 0, 3),
        (2, 0, 2),
        (0, 2, 1),
    ]
    assert version.source == dag_file("etl").decode()
    assert version.spec["dag_id"] == "etl"
    assert bundle.summary["accepted"] == [
        {"dag_id": "etl", "path": "dags/etl.py", "change": "new", "version": 1, "timetable": "None"}
    ]


def test_the_same_content_is_the_same_version(tenant: Tenant) -> None:
    deploy(tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", chain("a", 2)))
    once = versions(tenant, "a")
    deploy(tenant, {"dags/a.py": dag_file("a") + b"# a comment\n"}, parsed("dags/a.py", chain("a", 2)))
    assert versions(tenant, "a") == once
    deploy(tenant, {"dags/a.py": dag_file("a") + b"# longer\n"}, parsed("dags/a.py", chain("a", 3)))
    assert [number for number, _ in versions(tenant, "a")] == [1, 2]


def test_going_back_makes_the_earlier_version_current(tenant: Tenant) -> None:
    deploy(tenant, {"dags/a.py": b"1" + dag_file("a")}, parsed("dags/a.py", chain("a", 2)))
    first = dag_row(tenant, "a").current_version_id
    deploy(tenant, {"dags/a.py": b"2" + dag_file("a")}, parsed("dags/a.py", chain("a", 3)))
    assert dag_row(tenant, "a").current_version_id != first
    third = publish_files(tenant, {"dags/a.py": b"1" + dag_file("a")})
    with tenant_scope(tenant.id):
        assert dispatch_parse(bundle_id=third.id, now=utc_now()) is None
    row = dag_row(tenant, "a")
    assert (row.current_version_id, row.bundle_version_id) == (first, third.id)
    assert len(versions(tenant, "a")) == 2


def test_the_last_good_version_keeps_running(tenant: Tenant) -> None:
    good = deploy(tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", chain("a", 2)))
    before = dag_row(tenant, "a")
    bad = deploy(
        tenant,
        {"dags/a.py": dag_file("a") + b"import nowhere\n"},
        parsed("dags/a.py", failures=[failure("dags/a.py", "No module named 'nowhere'", line=3)]),
    )
    after = dag_row(tenant, "a")
    assert bad.state == "parsed"
    assert bad.summary["errors"] == [
        {"path": "dags/a.py", "line": 3, "message": "No module named 'nowhere'", "kind": "exception"}
    ]
    assert (after.current_version_id, after.bundle_version_id) == (before.current_version_id, good.id)
    assert (after.is_stale, after.has_import_errors) == (False, True)
    with tenant_scope(tenant.id):
        error = ImportErrorRow.objects.get()
    assert (error.filename, error.line, error.serial) == ("dags/a.py", 3, 1)
    deploy(tenant, {"dags/a.py": dag_file("a") + b"# mended\n"}, parsed("dags/a.py", chain("a", 2)))
    assert not dag_row(tenant, "a").has_import_errors
    with tenant_scope(tenant.id):
        assert not ImportErrorRow.objects.exists()


def test_an_error_that_stays_keeps_its_number(tenant: Tenant) -> None:
    wrong = parsed("dags/a.py", failures=[failure("dags/a.py", "broken")])
    also = parsed("dags/b.py", failures=[failure("dags/b.py", "broken too")])
    deploy(tenant, {"dags/a.py": dag_file("a")}, wrong)
    deploy(tenant, {"dags/a.py": dag_file("a"), "dags/b.py": dag_file("b")}, wrong, also)
    with tenant_scope(tenant.id):
        numbers = dict(ImportErrorRow.objects.values_list("filename", "serial"))
    assert numbers == {"dags/a.py": 1, "dags/b.py": 2}


def test_a_dag_that_is_gone_is_stale_and_plans_nothing(tenant: Tenant) -> None:
    daily = chain("daily", 1, timetable={"kind": "cron", "expression": "0 5 * * *", "summary": "0 5 * * *"})
    both = {"dags/daily.py": dag_file("daily"), "dags/b.py": dag_file("b")}
    deploy(tenant, both, parsed("dags/daily.py", daily), parsed("dags/b.py", chain("b", 1)))
    row = dag_row(tenant, "daily")
    assert row.next_run_after is not None
    deploy(tenant, {"dags/b.py": dag_file("b")}, parsed("dags/b.py", chain("b", 1)))
    row = dag_row(tenant, "daily")
    assert (row.is_stale, row.next_run_after) == (True, None)
    assert not dag_row(tenant, "b").is_stale
    with tenant_scope(tenant.id):
        assert not WorkItem.objects.filter(kind="plan", ref=row.id).exists()


def test_a_dag_id_of_two_files_is_accepted_from_neither(tenant: Tenant) -> None:
    files = {"dags/one.py": dag_file("x"), "dags/two.py": dag_file("x")}
    bundle = deploy(tenant, files, parsed("dags/one.py", chain("x", 1)), parsed("dags/two.py", chain("x", 2)))
    assert bundle.summary["accepted"] == []
    assert {e["path"]: e["kind"] for e in bundle.summary["errors"]} == {
        "dags/one.py": "duplicate",
        "dags/two.py": "duplicate",
    }
    assert "dags/two.py" in bundle.summary["errors"][0]["message"]
    assert versions(tenant, "x") == []


@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        (dag("x", [task("a", "b"), task("b", "a")]), "cycle", "wait for each other"),
        (dag("x", [task("a", "nowhere")]), "invalid", "not in the DAG"),
        (dag("x", [task("a"), task("a")]), "invalid", "same task_id"),
        (dag("x", [task("a", trigger_rule="maybe")]), "invalid", "unknown trigger rule"),
        (dag("x", [task("a", retries=2**40)]), "invalid", "must lie between"),
        (dag("x", [task("a")], description="nul \0 here"), "invalid", "NUL"),
        (dag("x", [task("a")], start_date="yesterday"), "invalid", "not an instant"),
        (dag("x", [task("a")], end_date="2026-01-01T00:00:00"), "invalid", "not an instant"),
        (dag("x", [task("a", retry_delay_seconds=float("nan"))]), "invalid", "cannot be told in JSON"),
        (dag("y" * 251, [task("a")]), "invalid", "1 to 250 characters"),
        (dag("x", [task("a", start_date="soon")]), "invalid", "not an instant"),
        (
            dag("x", [task("a", executor="CloudExecutor")]),
            "invalid",
            "Task 'a' specifies executor 'CloudExecutor', which is not available",
        ),
    ],
)
def test_what_cannot_be_stored_is_an_import_error(
    tenant: Tenant, spec: dict[str, Any], kind: str, said: str
) -> None:
    files = {"dags/x.py": dag_file("x"), "dags/ok.py": dag_file("ok")}
    bundle = deploy(tenant, files, parsed("dags/x.py", spec), parsed("dags/ok.py", chain("ok", 1)))
    assert [(e["path"], e["kind"]) for e in bundle.summary["errors"]] == [("dags/x.py", kind)]
    assert said in bundle.summary["errors"][0]["message"]
    assert [a["dag_id"] for a in bundle.summary["accepted"]] == ["ok"]


def test_what_holds_and_ends_runs_is_stored_with_the_version(tenant: Tenant) -> None:
    dates = {"start_date": "2026-02-01T00:00:00+00:00", "end_date": "2026-03-01T00:00:00+00:00"}
    one = task("one", wait_for_downstream=True, executor="LocalExecutor", **dates)
    spec = dag("a", [one, task("two")], catchup=True, dagrun_timeout_seconds=60.0, fail_fast=True)
    deploy(tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", spec))
    with tenant_scope(tenant.id):
        version = DagVersion.objects.get(dag_id="a")
    assert (version.dagrun_timeout_seconds, version.fail_fast) == (60.0, True)
    with tenant_scope(tenant.id):
        rows = {row.task_id: row for row in DagTask.objects.filter(dag_version=version)}
    assert rows["one"].past_rule == PastRule.DEPENDS | PastRule.DOWNSTREAM | PastRule.CATCHUP
    assert rows["two"].past_rule == PastRule.NONE
    assert rows["one"].executor is None, "the one there is, whatever it is called"
    assert rows["one"].start_date and rows["one"].start_date.isoformat() == dates["start_date"]
    assert rows["one"].end_date and rows["one"].end_date.isoformat() == dates["end_date"]


def test_a_text_with_a_nul_in_an_error_is_stored(tenant: Tenant) -> None:
    wrong = parsed("dags/a.py", failures=[failure("dags/a.py", "source code cannot contain \0 bytes")])
    assert "�" in deploy(tenant, {"dags/a.py": dag_file("a")}, wrong).summary["errors"][0]["message"]


def test_a_schedule_that_cannot_be_followed_is_told(tenant: Tenant) -> None:
    spec = chain("a", 1, timetable={"kind": "cron", "expression": "61 * * * *", "summary": "61 * * * *"})
    bundle = deploy(tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", spec))
    assert [(f["code"], f["severity"]) for f in bundle.summary["findings"]] == [("AERO-TIMETABLE", "error")]
    assert dag_row(tenant, "a").next_run_after is None


def test_paused_follows_the_file_then_the_tenant_then_people(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Tenant.objects.filter(id=tenant.id).update(settings={"dags_paused_at_creation": True})
    files = {"dags/a.py": dag_file("a"), "dags/b.py": dag_file("b")}
    on = chain("b", 1, is_paused_upon_creation=False)
    deploy(tenant, files, parsed("dags/a.py", chain("a", 1)), parsed("dags/b.py", on))
    assert (dag_row(tenant, "a").is_paused, dag_row(tenant, "b").is_paused) == (True, False)
    with tenant_scope(tenant.id):
        Dag.objects.filter(dag_id="a").update(is_paused=False)
    deploy(tenant, {"dags/a.py": dag_file("a") + b"#"}, parsed("dags/a.py", chain("a", 2)))
    assert not dag_row(tenant, "a").is_paused


def test_nothing_parsed_at_all_leaves_every_dag_as_it_was(tenant: Tenant) -> None:
    deploy(tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", chain("a", 1)))
    before = dag_row(tenant, "a")
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a") + b"#"})
    with tenant_scope(tenant.id):
        fail_parse(bundle_id=bundle.id, reason="the agent was lost three times", now=utc_now())
    after = dag_row(tenant, "a")
    assert (after.current_version_id, after.bundle_version_id, after.is_stale) == (
        before.current_version_id,
        before.bundle_version_id,
        False,
    )
    with tenant_scope(tenant.id):
        bundle.refresh_from_db()
    assert bundle.state == "failed"
    assert bundle.summary["errors"][0]["message"] == "the agent was lost three times"


def test_an_older_bundle_changes_nothing_after_a_newer_one(tenant: Tenant) -> None:
    old = publish_files(tenant, {"dags/a.py": dag_file("a")})
    make_runtime_ready(tenant, old)
    new = deploy(tenant, {"dags/a.py": dag_file("a") + b"#"}, parsed("dags/a.py", chain("a", 3)))
    with tenant_scope(tenant.id):
        store_report(
            bundle_id=old.id, report=report_for(old, parsed("dags/a.py", chain("a", 1))), now=utc_now()
        )
    assert dag_row(tenant, "a").bundle_version_id == new.id
    assert len(versions(tenant, "a")) == 1


def test_the_same_report_twice_changes_nothing(tenant: Tenant) -> None:
    bundle = deploy(tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", chain("a", 1)))
    with tenant_scope(tenant.id):
        again = store_report(
            bundle_id=bundle.id, report=report_for(bundle, parsed("dags/a.py", chain("a", 5))), now=utc_now()
        )
    assert again.state == "parsed"
    assert len(versions(tenant, "a")) == 1


def test_a_report_about_another_bundle_is_refused(tenant: Tenant) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    report = msgspec.structs.replace(report_for(bundle), bundle_digest="0" * 64)
    with pytest.raises(ReportMismatched), tenant_scope(tenant.id):
        store_report(bundle_id=bundle.id, report=report, now=utc_now())


def test_another_tenants_dags_are_untouched(tenant: Tenant, other_tenant: Tenant) -> None:
    deploy(other_tenant, {"dags/a.py": dag_file("a")}, parsed("dags/a.py", chain("a", 1)))
    theirs = dag_row(other_tenant, "a")
    deploy(tenant, {"dags/b.py": dag_file("b")}, parsed("dags/b.py", chain("b", 1)))
    after = dag_row(other_tenant, "a")
    assert (after.is_stale, after.current_version_id) == (False, theirs.current_version_id)
    with tenant_scope(tenant.id):
        assert [row.dag_id for row in Dag.objects.all()] == ["b"]


def test_no_runtime_no_report(tenant: Tenant, other_tenant: Tenant) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    with tenant_scope(other_tenant.id), pytest.raises(LookupError):
        store_report(
            bundle_id=bundle.id, report=ParseReport(bundle_digest="", runtime_digest=""), now=utc_now()
        )


def test_publish_needs_a_scope() -> None:
    with pytest.raises(RuntimeError):
        publish(
            files={"a.py": b""},
            source="upload",
            commit_sha=None,
            branch=None,
            message="",
            pushed_by="",
            now=utc_now(),
        )


def missing_runtime(tenant: Tenant, bundle: BundleVersion, now: datetime) -> str:
    with tenant_scope(tenant.id):
        dispatch_parse(bundle_id=bundle.id, now=now)
    report = report_for(bundle)
    report.failure, report.runtime_missing = "runtime r is not on this agent", True
    with tenant_scope(tenant.id):
        return store_report(bundle_id=bundle.id, report=report, now=now).state


def test_files_whose_runtime_is_still_being_built_are_parsed_later(tenant: Tenant) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    make_runtime_ready(tenant, bundle)
    now = utc_now()
    assert missing_runtime(tenant, bundle, now) == "received"
    with tenant_scope(tenant.id):
        due = WorkItem.objects.filter(kind="parse", ref=bundle.id).values_list("due_at", flat=True)
        assert max(due) == now + timedelta(seconds=30)
        dispatch_parse(bundle_id=bundle.id, now=now + timedelta(seconds=30))
        told = report_for(bundle, parsed("dags/a.py", chain("a", 1)))
        assert store_report(bundle_id=bundle.id, report=told, now=now).state == "parsed"
    assert dag_row(tenant, "a").bundle_version_id == bundle.id, "its deployment waited with it"


def test_files_whose_runtime_never_comes_fail_with_the_reason(tenant: Tenant) -> None:
    bundle = publish_files(tenant, {"dags/a.py": dag_file("a")})
    make_runtime_ready(tenant, bundle)
    with tenant_scope(tenant.id):
        BundleVersion.objects.filter(id=bundle.id).update(epoch=store.MOST_WAITS - 2)
    assert missing_runtime(tenant, bundle, utc_now()) == "received"
    assert missing_runtime(tenant, bundle, utc_now()) == "failed"
    with tenant_scope(tenant.id):
        assert "not on this agent" in str(BundleVersion.objects.get(id=bundle.id).summary)
