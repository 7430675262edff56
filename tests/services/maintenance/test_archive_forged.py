"""An archive that somebody made up: it reaches nothing but the tenant that is made of it."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from controlplane.execution.large_xcoms import place
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.pool import Pool
from controlplane.maintenance.archive.contents import MANIFEST, ArchiveUnusable
from controlplane.maintenance.archive.put import import_tenant
from controlplane.maintenance.archive.write import export_tenant
from controlplane.maintenance.purge import purge_tenant
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.archived import lively_tenant
from tests.support.factories import make_person, make_tenant

Rows = list[dict[str, Any]]


def forged(
    tenant: Tenant, folder: Path, table: str, change: Callable[[Rows], object], **members: bytes
) -> Path:
    """The tenant's archive with other rows of one table and more members, and a manifest that vouches for them."""
    export_tenant(tenant=tenant, target=folder / "true.zip", passphrase=None, now=utc_now())
    target = folder / "forged.zip"
    with zipfile.ZipFile(folder / "true.zip") as true, zipfile.ZipFile(target, "w") as out:
        rows: Rows = [json.loads(line) for line in true.read(f"tables/{table}.ndjson").splitlines()]
        change(rows)
        lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        manifest = json.loads(true.read(MANIFEST))
        manifest["tables"][table] = {"rows": len(rows), "sha256": hashlib.sha256(lines).hexdigest()}
        mine = {f"tables/{table}.ndjson": lines, MANIFEST: json.dumps(manifest).encode(), **members}
        for name in {*true.namelist(), *mine}:
            out.writestr(name, mine[name] if name in mine else true.read(name))
    return target


def put(path: Path) -> Any:
    return import_tenant(
        path=path, slug="forged", owner=make_person(), passphrase=None, start=False, now=utc_now()
    )


def test_a_true_one_is_taken(database: None, tmp_path: Path) -> None:
    """The forger of these tests makes archives that are taken, when nothing is wrong with them."""
    made = put(
        forged(lively_tenant("alpha"), tmp_path, "dag", lambda rows: rows[0].update(description="other"))
    )
    with tenant_scope(made.tenant.id):
        assert Dag.objects.get(dag_id="example").description == "other"


def test_no_object_of_another_tenant_is_read(database: None, tmp_path: Path) -> None:
    victim = make_tenant("victim")
    with tenant_scope(victim.id):
        _, kept_as = place(
            key="secret", text=json.dumps("x" * settings.XCOM_INLINE_BYTES), tenant_id=victim.id
        )

    def steal(rows: Rows) -> None:
        for row in rows:
            row["kept_as"], row["value"] = kept_as, None

    with pytest.raises(ArchiveUnusable, match="not the tenant's"):
        put(forged(lively_tenant("alpha"), tmp_path, "xcom", steal))


@pytest.mark.parametrize(
    "name",
    [
        "logs/../../../escaped.log",
        "logs//etc/escaped.log",
        "xcoms/../escaped.json",
        "bundles/../escaped.tar",
        "bundles/" + 64 * "0" + ".tar",
    ],
)
def test_no_member_gets_out_of_its_place(database: None, tmp_path: Path, name: str) -> None:
    archive = forged(lively_tenant("alpha"), tmp_path, "dag", lambda rows: None, **{name: b"escaped"})
    with pytest.raises(ArchiveUnusable):
        put(archive)
    escaped = [path for path in Path(settings.DATA_DIR).rglob("*") if "escaped" in path.name]
    assert not escaped and not Path(settings.STORE_DIR, "bundles", "00", 64 * "0" + ".tar").exists()


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("dag", {"tenant_id": "01a00000-0000-7000-8000-000000000000"}),
        ("dag", {"id": "no id"}),
        ("dag", {"id": None}),
        ("dag_run", {"epoch": "many"}),
        ("dag_run", {"queued_at": "soon"}),
        ("dag_run", {"conf": "{"}),
        ("dag_run", {"dag_version_id": "01a00000-0000-7000-8000-000000000000"}),
    ],
)
def test_rows_that_cannot_be_are_refused_whole(
    database: None, tmp_path: Path, table: str, change: dict[str, Any]
) -> None:
    with pytest.raises(ArchiveUnusable):
        put(forged(lively_tenant("alpha"), tmp_path, table, lambda rows: rows[0].update(change)))
    assert not Tenant.objects.using("auth").filter(slug="forged").exists()  # nor does anything keep its name


def test_an_id_of_another_tenants_row_reaches_nothing_of_it(database: None, tmp_path: Path) -> None:
    victim = lively_tenant("victim")
    with tenant_scope(victim.id):
        theirs = str(Dag.objects.get(dag_id="example").id)
    tenant = lively_tenant("alpha")
    with tenant_scope(tenant.id):
        own = str(Dag.objects.get(dag_id="example").id)

    def take(rows: Rows) -> None:
        rows[0]["id"] = theirs

    archive = forged(tenant, tmp_path, "pool", take)
    Tenant.objects.using("auth").filter(id=tenant.id).update(state="purging")
    purge_tenant(tenant=tenant)  # from now on the archive keeps its ids
    made = put(archive)
    with tenant_scope(victim.id):
        assert Dag.objects.filter(id=theirs).exists() and not Pool.objects.filter(id=theirs).exists()
    with tenant_scope(made.tenant.id):
        assert Dag.objects.filter(id=own).exists() and Pool.objects.filter(id=theirs).exists()
