"""Exports: asked for by Owners, made by an errand, fetched, gone; also of a tenant that is being deleted."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from api.errand_wiring import ERRANDS
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.tenant_export import TenantExport
from controlplane.maintenance.archive import ask
from controlplane.maintenance.errands import go
from controlplane.secrets import variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.audit_rows import audit_rows

AT = "/tenants/alpha/exports"
PASSPHRASE = "correct horse battery"


@pytest.fixture
def owner(actor: Callable[[str], Actor]) -> Actor:
    return actor("Owner")


def go_now(tenant: Tenant, *, at: datetime | None = None) -> None:
    """Whoever goes on errands goes on the tenant's exports, as if it were then."""
    with tenant_scope(tenant.id):
        rows = list(Errand.objects.filter(kind="export"))
    for row in rows:
        handlers = {
            "export": lambda *, tenant_id, ref, now: ERRANDS["export"](
                tenant_id=tenant_id, ref=ref, now=at or now
            )
        }
        go(handlers, errand=row.id, tenant_id=tenant.id, kind="export", ref=row.ref, due_at=row.due_at)


def asked(owner: Actor, **body: Any) -> str:
    answer = owner.portal().post(AT, body)
    assert (answer.status, answer["state"]) == (202, "asked")
    return str(answer["id"])


def test_it_is_asked_for_made_and_fetched(tenant: Tenant, owner: Actor) -> None:
    with tenant_scope(tenant.id):
        variables.put(key="password", value="hidden value", description=None, now=utc_now())
    export_id = asked(owner, passphrase=PASSPHRASE)
    early = owner.portal().get(f"{AT}/{export_id}/content")
    assert (early.status, early["code"]) == (409, "export-not-ready")
    go_now(tenant)
    row = owner.portal().get(f"{AT}/{export_id}")
    assert (row["state"], row["has_secrets"], row["left_out"]) == ("ready", True, [])
    answer = owner.portal().get(f"{AT}/{export_id}/content")
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/zip"
    content = answer.body.encode(errors="surrogateescape")
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (row["sha256"], row["size"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist())
    assert b"tables/variable.ndjson" not in whole and b"hidden value" not in whole
    assert PASSPHRASE.encode() not in whole
    with tenant_scope(tenant.id):
        assert TenantExport.objects.get(id=export_id).sealed is None  # the passphrase is gone once it is made
    assert [audit["action"] for audit in audit_rows(tenant) if audit["action"].startswith("tenant.export")] == [
        "tenant.export.asked", "tenant.export.fetched"
    ]  # fmt: skip
    assert PASSPHRASE not in str(audit_rows(tenant))


def test_without_a_passphrase_secrets_are_named(tenant: Tenant, owner: Actor) -> None:
    with tenant_scope(tenant.id):
        variables.put(key="password", value="hidden value", description=None, now=utc_now())
    export_id = asked(owner)
    go_now(tenant)
    row = owner.portal().get(f"{AT}/{export_id}")
    assert (row["has_secrets"], row["left_out"]) == (False, ["variable:password"])


def test_who_may(tenant: Tenant, actor: Callable[[str], Actor], owner: Actor, stranger: Actor) -> None:
    export_id = asked(owner)
    go_now(tenant)
    for role in ("Admin", "Op", "Author", "Viewer"):
        door = actor(role).portal()
        for refused in (
            door.get(AT),
            door.post(AT, {}),
            door.get(f"{AT}/{export_id}"),
            door.get(f"{AT}/{export_id}/content"),
            door.delete(f"{AT}/{export_id}"),
        ):
            assert (refused.status, refused["code"]) == (403, "permission-missing")
    for path in ("", f"/{export_id}", f"/{export_id}/content"):
        hidden = stranger.portal().get(f"{AT}{path}")
        absent = stranger.portal().get(f"/tenants/nowhere/exports{path}")
        assert (hidden.status, hidden["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    assert owner.portal().get(f"{AT}/{tenant.id}").status == 404


@pytest.mark.parametrize("passphrase", ["short", "", 7 * [1]])
def test_a_weak_passphrase_names_its_field(tenant: Tenant, owner: Actor, passphrase: Any) -> None:
    answer = owner.portal().post(AT, {"passphrase": passphrase})
    assert (answer.status, list(answer["errors"])) == (422, ["passphrase"])
    with tenant_scope(tenant.id):
        assert not TenantExport.objects.exists()


def test_one_at_a_time_and_few_in_all(tenant: Tenant, owner: Actor) -> None:
    for _ in range(ask.MOST):
        asked(owner)
        twice = owner.portal().post(AT, {})
        assert (twice.status, twice["code"]) == (409, "too-many-exports")
        go_now(tenant)
    full = owner.portal().post(AT, {})
    assert (full.status, full["code"]) == (409, "too-many-exports")
    [first, *_] = owner.portal().get(AT)["exports"]
    assert owner.portal().delete(f"{AT}/{first['id']}").status == 204
    asked(owner)


def test_it_goes_when_its_time_is_over(tenant: Tenant, owner: Actor) -> None:
    export_id = asked(owner)
    go_now(tenant)
    folder = Path(settings.STORE_DIR) / "exports" / str(tenant.id)
    assert [path.name for path in folder.iterdir()] == [f"{export_id}.zip"]
    go_now(tenant, at=utc_now() + ask.KEEP - timedelta(hours=1))
    assert owner.portal().get(f"{AT}/{export_id}")["state"] == "ready"
    go_now(tenant, at=utc_now() + ask.KEEP + timedelta(hours=1))
    assert owner.portal().get(f"{AT}/{export_id}")["state"] == "gone"
    assert list(folder.iterdir()) == []
    late = owner.portal().get(f"{AT}/{export_id}/content")
    assert (late.status, late["code"]) == (409, "export-not-ready")
    with tenant_scope(tenant.id):
        assert not Errand.objects.filter(kind="export").exists()


def test_one_that_died_while_making_it_is_made_again(
    tenant: Tenant, owner: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = asked(owner)

    def dies(*_: Any, **__: Any) -> None:
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(ask, "export_tenant", dies)
        go_now(tenant)
    assert owner.portal().get(f"{AT}/{export_id}")["state"] == "asked"
    go_now(tenant)
    assert owner.portal().get(f"{AT}/{export_id}")["state"] == "ready"


def test_a_tenant_is_exported_before_it_is_deleted(
    tenant: Tenant,
    owner: Actor,
    actor: Callable[[str], Actor],
    stranger: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(settings, "DELETION_GRACE_DAYS", 0)
    door = owner.portal()
    wrong = door.post("/tenants/alpha/deletion", {"confirm": "other", "export_first": True})
    assert (wrong.status, wrong["code"]) == (422, "confirmation-wrong")
    assert door.get(AT)["exports"] == []
    body = {"confirm": "alpha", "export_first": True, "passphrase": PASSPHRASE}
    assert door.post("/tenants/alpha/deletion", body).status == 202
    tenant.refresh_from_db(using="auth")
    assert tenant.state == "deleting" and tenant.purge_at is not None
    assert tenant.purge_at > utc_now() + timedelta(
        days=2
    )  # time to fetch it, whatever the installation's grace
    assert door.get("/tenants/alpha").status == 404
    [row] = door.get(AT)["exports"]
    go_now(tenant)
    assert door.get(f"{AT}/{row['id']}/content").status == 200
    assert door.post(AT, {}).status == 404  # nothing new begins
    for other in (actor("Admin"), stranger):
        assert other.portal().get(f"{AT}/{row['id']}/content").status == 404
