"""A tenant in place of itself: as it was then, what runs outside is fenced, and a neighbour's bytes are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db.models import TextField
from django.db.models.functions import Cast

from controlplane.execution import logs
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.tenant_lease import TenantLease
from controlplane.ledger.models.workload import Workload
from controlplane.maintenance.archive import fates
from controlplane.maintenance.archive import put as module
from controlplane.maintenance.archive.contents import ArchiveUnusable
from controlplane.maintenance.archive.put import Put, TenantOther, restore_tenant
from controlplane.maintenance.archive.write import export_tenant
from controlplane.scheduler.lease import Leases
from controlplane.secrets import variables
from tenants.audit.chains import checkpoint_store, verify
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.archived import lively, lively_tenant
from tests.support.factories import make_member

PASSPHRASE = "correct horse battery"


def archive_of(
    tenant: Tenant, folder: Path, name: str = "then.zip", passphrase: str | None = PASSPHRASE
) -> Path:
    target = folder / name
    export_tenant(tenant=tenant, target=target, passphrase=passphrase, now=utc_now())
    return target


def put_back(path: Path, slug: str = "alpha") -> Put:
    return restore_tenant(path=path, slug=slug, passphrase=PASSPHRASE, now=utc_now())


def everything(tenant: Tenant) -> dict[str, list[tuple[Any, ...]]]:
    """Each byte that the database holds of it."""
    found = {}
    for table, model in fates.tenant_models().items():
        if table in fates.LEFT:
            continue
        texts = {
            f"text_{at}": Cast(field.name, TextField())
            for at, field in enumerate(model._meta.local_concrete_fields)
        }
        alias = fates.reader(model)
        with tenant_scope(tenant.id, using=alias):
            rows: Any = model._default_manager.using(alias).filter(tenant_id=tenant.id).order_by("pk")
            found[table] = list(rows.annotate(**texts).values_list(*texts))
    return found


def without_fences(tables: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """Without what a restore changes on purpose: attempts' numbers, envelopes, ids that the database gives."""
    found = {}
    for table, model in fates.put_in_place().items():
        plain = [
            at for at, field in enumerate(model._meta.local_concrete_fields)
            if field.column not in ("epoch", "sealed") and not (table == "work_item" and field.primary_key)
        ]  # fmt: skip
        found[table] = [tuple(row[at] for at in plain) for row in tables[table]]
    return found


def test_it_is_as_it_was_and_the_neighbour_is_untouched(database: None, tmp_path: Path) -> None:
    walk, neighbour = lively("alpha"), lively_tenant("omega")
    tenant = walk.tenant
    then = everything(tenant)
    path = archive_of(tenant, tmp_path)
    later = walk.trigger("example", run_id="later")
    walk.run_all()
    with tenant_scope(tenant.id):
        variables.put(key="password", value="another one", description=None, now=utc_now())
        variables.put(key="later", value="x", description=None, now=utc_now())
    beside = everything(neighbour)
    done = put_back(path)
    assert done.started and done.tenant.state == "active"
    assert without_fences(everything(tenant)) == without_fences(then)
    assert everything(neighbour) == beside
    with tenant_scope(tenant.id):
        assert variables.get("password") == "secret of alpha"
        assert not TaskInstance.objects.filter(dag_run_id=later.id).exists()
    assert verify(tenant.id, store=checkpoint_store()).holds
    assert TenantLease.objects.using("scheduler").get(id=tenant.id).lease_until is None


def test_the_scheduler_goes_on_from_there(database: None, tmp_path: Path) -> None:
    walk = lively("alpha")
    tenant = walk.tenant
    path = archive_of(tenant, tmp_path)
    walk.run_all()
    put_back(path)
    walk.leases = Leases()
    walk.run_all()
    with tenant_scope(tenant.id):
        states = set(TaskInstance.objects.filter(run_id="waiting").values_list("state", flat=True))
    assert states == {"success"}


def test_what_runs_outside_can_move_nothing_any_more(database: None, tmp_path: Path) -> None:
    walk = lively("alpha")
    tenant = walk.tenant
    walk.schedule()
    [then] = walk.claim()
    path = archive_of(tenant, tmp_path)
    put_back(path)
    assert walk.say(then, "success").verdict != "accepted"
    with tenant_scope(tenant.id):
        row = TaskInstance.objects.get(id=then.id)
        assert row.state in ("failed", "up_for_retry") and row.epoch > then.epoch
        assert row.died is not None and "put back" in row.died["message"]
        assert not Workload.objects.filter(ref=then.id, agent_id__isnull=False).exists()


def test_an_attempt_of_after_that_instant_is_fenced_too(database: None, tmp_path: Path) -> None:
    walk = lively("alpha")
    tenant = walk.tenant
    path = archive_of(tenant, tmp_path)
    walk.schedule()
    [running] = walk.claim()
    put_back(path)
    walk.leases = Leases()  # the old one is lost, as a scheduler hears in its next round
    walk.schedule()
    again = [work for work in walk.claim() if work.id == running.id]
    assert walk.say(running, "success").verdict != "accepted"
    assert again and walk.say(again[0], "success").verdict == "accepted"


def test_access_and_the_audit_are_not_brought_back(database: None, tmp_path: Path) -> None:
    tenant = lively_tenant("alpha")
    gone = make_member(tenant=tenant, role="Admin")
    path = archive_of(tenant, tmp_path)
    Membership.objects.using("auth").filter(tenant_id=tenant.id, user=gone).delete()
    with tenant_scope(tenant.id):
        variables.put(key="later", value="x", description=None, now=utc_now())
    before = len(everything(tenant)["audit_row"])
    put_back(path)
    assert not Membership.objects.using("auth").filter(tenant_id=tenant.id, user=gone).exists()
    told = everything(tenant)["audit_row"]
    assert len(told) == before + 1 and "tenant.restored" in told[-1]


def test_logs_of_later_tries_are_set_aside(database: None, tmp_path: Path) -> None:
    tenant = lively_tenant("alpha")
    path = archive_of(tenant, tmp_path)
    key = logs.log_key(
        tenant_id=tenant.id, dag_id="example", run_id="waiting", task_id="task_0", map_index=-1, try_number=1
    )
    logs.append(key=key, offset=0, data=b"of a try that never was\n")
    done = put_back(path)
    assert logs.size(key) == 0
    assert done.aside is not None and list(done.aside.rglob("*.log"))
    kept = Path(settings.STORE_DIR) / "logs" / str(tenant.id)
    assert [path.read_text() for path in kept.rglob("*.log")] == ["log of alpha\n"]


def test_one_that_died_leaves_it_closed_and_goes_on(
    database: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = lively_tenant("alpha")
    path = archive_of(tenant, tmp_path)
    then = everything(tenant)

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "put_rows", dies)
        with pytest.raises(KeyboardInterrupt):
            put_back(path)
    tenant.refresh_from_db(using="auth")
    assert tenant.state == "suspended"
    assert without_fences(everything(tenant)) == without_fences(then)  # nothing was half done
    assert put_back(path).tenant.state == "active"


def test_one_that_was_suspended_stays_so(database: None, tmp_path: Path) -> None:
    tenant = lively_tenant("alpha")
    path = archive_of(tenant, tmp_path)
    Tenant.objects.using("auth").filter(id=tenant.id).update(state="suspended")
    done = put_back(path)
    tenant.refresh_from_db(using="auth")
    assert not done.started and tenant.state == "suspended"


def test_another_tenants_archive_is_refused(database: None, tmp_path: Path) -> None:
    tenant, neighbour = lively_tenant("alpha"), lively_tenant("omega")
    before = everything(neighbour)
    with pytest.raises(TenantOther, match="not of 'omega'"):
        put_back(archive_of(tenant, tmp_path), "omega")
    with pytest.raises(TenantOther, match="would be lost"):
        put_back(archive_of(tenant, tmp_path, "bare.zip", passphrase=None))
    with pytest.raises(ArchiveUnusable, match="no file"):
        put_back(tmp_path / "nowhere.zip")
    assert everything(neighbour) == before
    assert {row.state for row in Tenant.objects.using("auth").all()} == {"active"}
