"""One tenant in a file: every table of it, nothing of a neighbour, and the same rows wherever it is put."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db.models import TextField
from django.db.models.functions import Cast
from psycopg2.extras import register_uuid

from controlplane.bundles.artefact import artefact_path
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.tenant_lease import TenantLease
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.xcom import XCom
from controlplane.maintenance.archive import fates
from controlplane.maintenance.archive.contents import MANIFEST, ArchiveUnusable, PassphraseWrong
from controlplane.maintenance.archive.put import TenantExists, import_tenant, start_tenant
from controlplane.maintenance.archive.sealing import PassphraseWeak
from controlplane.maintenance.archive.write import Exported, export_tenant
from controlplane.secrets import connections, variables
from tenants.audit.chains import checkpoint_store, verify
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.archived import lively_tenant
from tests.support.catalog import read_tables
from tests.support.factories import make_person, make_tenant
from tests.support.generic_rows import GenericRows

PASSPHRASE = "correct horse battery"


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Exported]:
    def make(tenant: Tenant, passphrase: str | None = PASSPHRASE) -> Exported:
        target = tmp_path / f"{tenant.slug}-{len(list(tmp_path.iterdir()))}.zip"
        return export_tenant(tenant=tenant, target=target, passphrase=passphrase, now=utc_now())

    return make


def put(path: Path, slug: str | None = None, **more: Any) -> Any:
    values = {"owner": make_person(), "passphrase": PASSPHRASE, "start": False, "now": utc_now()}
    return import_tenant(path=path, slug=slug, **{**values, **more})


def rows_of(tenant_id: UUID, table: str) -> list[tuple[str | None, ...]]:
    """All rows of the table as Postgres writes them, in the order of their ids."""
    model = fates.tenant_models()[table]
    alias = fates.reader(model)
    texts = {f"text_{at}": Cast(field.name, TextField()) for at, field in enumerate(fates.columns(model))}
    with tenant_scope(tenant_id, using=alias):
        found: Any = model._default_manager.using(alias).filter(tenant_id=tenant_id).order_by("pk")
        return list(found.annotate(**texts).values_list(*texts))


def members(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield name, archive.read(name)


def test_every_table_has_a_fate() -> None:
    named = [*fates.LEFT, *fates.EVIDENCE, *fates.HISTORY]
    assert len(named) == len(set(named))
    assert set(named) <= fates.tenant_models().keys() | {"tenant_lease"}
    for table, model in fates.archived().items():
        assert fates.reader(model), table


def test_what_stays_in_place_hangs_on_nothing_that_is_replaced() -> None:
    replaced = set(fates.put_in_place())
    hangs = {
        (table, field.related_model._meta.db_table)
        for table, model in fates.tenant_models().items()
        if table not in replaced
        for field in model._meta.local_fields
        if field.is_relation and field.related_model._meta.db_table in replaced
    }
    assert hangs == {
        ("notification_due", "notification")
    }  # what is due to be sent goes with the notification


def test_a_row_of_every_table_is_in_it_and_none_of_a_neighbour(
    tenant: Tenant, superuser: Any, export: Callable[..., Exported]
) -> None:
    register_uuid()
    neighbour = make_tenant("omega")
    with superuser.cursor() as cursor:
        rows = GenericRows(cursor, read_tables(cursor))
        for place in (tenant, neighbour):
            rows.made["tenant", place.id] = {"id": place.id}
            for table in fates.tenant_models():
                rows.row(table, place.id)
            # What the catalog makes up is sealed by nobody.
            for table, column in (("errand", "kind"),):
                cursor.execute(f"UPDATE {table} SET {column} = 'fetch' WHERE tenant_id = %s", [place.id])
    done = export(tenant, passphrase=None)
    content = dict(members(done.path))
    for table in fates.archived():
        assert f"tables/{table}.ndjson" in content, table
    secret = {name.split(":")[0] for name in done.manifest.left_out}
    empty = {table for table, said in done.manifest.tables.items() if not said.rows}
    assert empty <= secret  # rows that are nothing without their secret
    whole = b"".join(content.values())
    assert str(neighbour.id).encode() not in whole and rows.canary(neighbour.id).encode() not in whole
    for table in fates.LEFT:
        assert f"tables/{table}.ndjson" not in content
    sealed = json.loads(content[MANIFEST])["left_out"]
    assert any(name.startswith("variable:") for name in sealed)


def test_it_comes_back_row_for_row_where_nobody_has_its_id(
    database: None, superuser: Any, export: Callable[..., Exported]
) -> None:
    tenant = lively_tenant("alpha")
    done = export(tenant)
    before = {table: rows_of(tenant.id, table) for table in fates.put_into_new()}
    chain = rows_of(tenant.id, "audit_row")
    forget(superuser)
    made = put(done.path)
    assert made.keeps_ids and made.tenant.id == tenant.id and made.tenant.slug == "alpha"
    for table, were in before.items():
        if table not in ("variable", "connection", "alert_channel", "work_item", "errand"):
            assert rows_of(tenant.id, table) == were, table
    # The ids of work items are the database's own, and secrets are sealed anew.
    with tenant_scope(tenant.id):
        assert variables.get("password") == "secret of alpha"
        assert connections.get("warehouse")["password"] == "hidden"
    assert rows_of(tenant.id, "audit_row")[: len(chain)] == chain
    assert verify(tenant.id, store=checkpoint_store()).holds


def test_beside_itself_it_has_ids_of_its_own(database: None, export: Callable[..., Exported]) -> None:
    tenant = lively_tenant("alpha")
    before = {table: rows_of(tenant.id, table) for table in fates.tenant_models()}
    made = put(export(tenant).path, "beta")
    assert not made.keeps_ids and made.tenant.id != tenant.id
    assert {table: rows_of(tenant.id, table) for table in fates.tenant_models()} == before
    theirs = {str(row[0]) for rows in before.values() for row in rows if row and row[0] and len(row[0]) == 36}
    for table in fates.put_into_new():
        new = rows_of(made.tenant.id, table)
        assert len(new) == len(before[table]), table
        told = json.dumps(new)
        assert str(tenant.id) not in told, table
        assert not [one for one in theirs if one in told], table
    with tenant_scope(made.tenant.id):
        assert variables.get("password") == "secret of alpha"
        kept = [key for key in XCom.objects.values_list("kept_as", flat=True) if key]
    assert kept and all(key.startswith(str(made.tenant.id)) for key in kept)


def test_nothing_is_scheduled_until_somebody_says_so(database: None, export: Callable[..., Exported]) -> None:
    made = put(export(lively_tenant("alpha")).path, "beta")

    def frozen() -> bool:
        lease = TenantLease.objects.using("scheduler").get(id=made.tenant.id)
        return lease.lease_until is not None and lease.lease_until.year == 9999

    assert frozen()
    assert start_tenant(slug="beta", now=utc_now()) and not frozen()
    with tenant_scope(made.tenant.id):  # agents here may not have its runtimes
        asked = set(WorkItem.objects.filter(kind="build").values_list("ref", flat=True))
        assert set(Runtime.objects.filter(state="queued").values_list("id", flat=True)) <= asked and asked
    assert not start_tenant(slug="beta", now=utc_now())


def test_the_owner_alone_is_in_it(database: None, export: Callable[..., Exported]) -> None:
    owner = make_person("new-owner")
    made = put(export(lively_tenant("alpha")).path, "beta", owner=owner)
    found = Membership.objects.using("auth").filter(tenant_id=made.tenant.id)
    assert [(row.user_id, row.role) for row in found] == [(owner.id, "Owner")]


def test_a_second_time_it_says_that_it_is_there(database: None, export: Callable[..., Exported]) -> None:
    tenant = lively_tenant("alpha")
    path = export(tenant).path
    with pytest.raises(TenantExists, match="'alpha' already"):
        put(path)
    made = put(path, "beta")
    count = rows_of(made.tenant.id, "task_instance")
    with pytest.raises(TenantExists, match="of this very archive"):
        put(path, "beta")
    assert rows_of(made.tenant.id, "task_instance") == count


def test_one_that_died_goes_on(
    database: None, export: Callable[..., Exported], monkeypatch: pytest.MonkeyPatch
) -> None:
    from controlplane.maintenance.archive import put as module

    path = export(lively_tenant("alpha")).path

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_open", dies)
        with pytest.raises(KeyboardInterrupt):
            put(path, "beta")
    assert Tenant.objects.using("auth").get(slug="beta").state == "importing"
    made = put(path, "beta")
    assert made.tenant.state == "active" and len(rows_of(made.tenant.id, "dag_run")) == 2


def test_secrets_are_left_out_without_a_passphrase_and_named(
    database: None, export: Callable[..., Exported]
) -> None:
    done = export(lively_tenant("alpha"), passphrase=None)
    assert done.manifest.secrets == "left out"
    assert {"variable:password", "connection:warehouse"} <= set(done.manifest.left_out)
    made = put(done.path, "beta", passphrase=None)
    with tenant_scope(made.tenant.id):
        assert connections.get("warehouse")["host"] == "db.example.com"
        assert connections.get("warehouse")["password"] is None
        with pytest.raises(variables.VariableUnknown):
            variables.get("password")


def test_no_secret_is_in_it_in_clear(database: None, export: Callable[..., Exported]) -> None:
    done = export(lively_tenant("alpha"))
    whole = b"".join(content for _, content in members(done.path))
    for secret in (b"secret of alpha", b"hidden", PASSPHRASE.encode()):
        assert secret not in whole
    with pytest.raises(PassphraseWrong):
        put(done.path, "beta", passphrase="something quite else")
    with pytest.raises(PassphraseWrong, match="is needed"):
        put(done.path, "beta", passphrase=None)
    assert not Tenant.objects.using("auth").filter(slug="beta").exists()
    with pytest.raises(PassphraseWeak):
        export(Tenant.objects.using("auth").get(slug="alpha"), passphrase="short")


def test_its_objects_come_with_it(database: None, export: Callable[..., Exported]) -> None:
    tenant = lively_tenant("alpha")
    done = export(tenant)
    names = [name for name, _ in members(done.path)]
    assert [name for name in names if name.startswith("logs/")] and done.manifest.missing == []
    [bundle] = [name for name in names if name.startswith("bundles/")]
    path = artefact_path(bundle.removeprefix("bundles/").removesuffix(".tar"))
    was = path.read_bytes()
    path.unlink()
    put(done.path, "beta")
    assert path.read_bytes() == was
    path.unlink()
    again = export(tenant)
    assert again.manifest.missing == [bundle]


def changed(path: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    with zipfile.ZipFile(target, "w") as out:
        for member, content in members(path):
            out.writestr(member, change(content) if member == name else content)
    return target


@pytest.mark.parametrize(
    ("name", "change", "word"),
    [
        (MANIFEST, lambda raw: raw.replace(b'"format_version": 1', b'"format_version": 9'), "has format 9"),
        (MANIFEST, lambda raw: raw.replace(b'"release": "', b'"release": "9'), "is of release 9"),
        (MANIFEST, lambda raw: raw.replace(b'"schema": "', b'"schema": "x'), "with schema x"),
        (MANIFEST, lambda raw: raw.replace(b"aerodrome-tenant", b"something-else"), "not the archive"),
        ("tables/dag_run.ndjson", lambda raw: raw.replace(b"success", b"failure"), "not as it was written"),
        ("tables/dag_run.ndjson", lambda raw: raw[:-20], "damaged"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused_whole(
    database: None, export: Callable[..., Exported], tmp_path: Path, name: str, change: Any, word: str
) -> None:
    tenant = lively_tenant("alpha")
    wrong = changed(export(tenant).path, tmp_path / "wrong.zip", name, change)
    with pytest.raises(ArchiveUnusable, match=word):
        put(wrong, "beta")
    assert not Tenant.objects.using("auth").filter(slug="beta").exists()


def forget(superuser: Any) -> None:
    """As if this were another installation: no tenant, no chain. People stay."""
    with superuser.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for table in [*fates.tenant_models(), "tenant"]:
            cursor.execute(f"DELETE FROM {table}")
        cursor.execute("RESET session_replication_role")
