"""Deleting a tenant: shut at once, undone in time, gone to the last row afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import override_settings
from psycopg2.extras import register_uuid

from api.periodic_jobs import register_jobs
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.foundation.periodic import find
from controlplane.maintenance import purge
from controlplane.maintenance.purge import folders_of, purge_order, purge_tenant, purge_tenants
from controlplane.scheduler.lease import Leases
from controlplane.secrets.contract import KeyUnavailable
from controlplane.secrets.null import NullStore
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tenants.tokens import issue_token, verify_token
from tests.support.actors import Actor, Door
from tests.support.catalog import read_tables
from tests.support.factories import created_run, make_tenant
from tests.support.generic_rows import GenericRows
from tests.support.mail_server import MailServer, mail_server  # noqa: F401  a fixture

PLACE = "/tenants/alpha/deletion"


def due_tenants() -> set[UUID]:
    rows = execute("ledger/sql/list_due_tenants.sql", using="scheduler", batch=100)
    return {row[0] for row in rows if row[0] is not None}


def test_who_may_delete(tenant: Tenant, actor: Callable[[str], Actor], stranger: Actor) -> None:
    for role in ("Admin", "Op", "Author", "Viewer"):
        refused = actor(role).portal().post(PLACE, {"confirm": "alpha"})
        assert (refused.status, refused["code"]) == (403, "permission-missing")
    hidden = stranger.portal().post(PLACE, {"confirm": "alpha"})
    absent = stranger.portal().post("/tenants/nowhere/deletion", {"confirm": "nowhere"})
    assert (hidden.status, hidden["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    wrong = actor("Owner").portal().post(PLACE, {"confirm": "Alpha"})
    assert (wrong.status, wrong["code"]) == (422, "confirmation-wrong")
    tenant.refresh_from_db(using="auth")
    assert tenant.state == "active"


def test_a_tenant_that_is_being_deleted_is_shut(
    tenant: Tenant,
    actor: Callable[[str], Actor],
    mail_server: MailServer,  # noqa: F811
) -> None:
    owner = actor("Owner")
    with tenant_scope(tenant.id):
        git = issue_token(kind="git", name="ci", role="Author", created_by="x", now=utc_now())
        api = issue_token(kind="api", name="ci", role="Author", created_by="x", now=utc_now())
    created_run(tenant)
    assert tenant.id in due_tenants()
    answer = owner.portal().post(PLACE, {"confirm": "alpha"})
    assert (answer.status, answer["state"]) == (202, "deleting")
    assert verify_token(text=git.text, kind="git", now=utc_now()) is None
    assert Door(prefix="/t/alpha/api/v2", token=api.text).get("/dags").status in (401, 403)
    assert owner.v2().get("/dags").status in (401, 403, 404)
    assert owner.portal().get("/tenants/alpha").status == 404
    assert tenant.id not in due_tenants()
    assert not Leases().take(tenant.id)
    [listed] = owner.portal().get("/me")["tenants"]
    assert (listed["state"], listed["purge_at"]) == ("deleting", answer["purge_at"])
    mail_server.deliver()
    assert "alpha" in str(mail_server.last(owner.user.email)["Subject"])


def test_it_can_be_undone(tenant: Tenant, actor: Callable[[str], Actor], stranger: Actor) -> None:
    owner, admin = actor("Owner"), actor("Admin")
    created_run(tenant)
    assert owner.portal().delete(PLACE).status == 404
    owner.portal().post(PLACE, {"confirm": "alpha"})
    for other in (admin, stranger):
        refused = other.portal().delete(PLACE)
        assert (refused.status, refused["code"]) == (404, "not-found")
    assert owner.portal().delete(PLACE)["state"] == "active"
    assert owner.portal().get("/tenants/alpha").status == 200
    assert tenant.id in due_tenants()
    assert Leases().take(tenant.id)


def test_it_cannot_be_undone_when_the_time_is_over(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    owner = actor("Owner")
    owner.portal().post(PLACE, {"confirm": "alpha"})
    Tenant.objects.using("auth").filter(id=tenant.id).update(purge_at=utc_now() - timedelta(seconds=1))
    late = owner.portal().delete(PLACE)
    assert (late.status, late["code"]) == (409, "deletion-too-late")


def test_nothing_is_purged_before_its_time(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    actor("Owner").portal().post(PLACE, {"confirm": "alpha"})
    assert purge_tenants(now=utc_now() + timedelta(days=settings.DELETION_GRACE_DAYS - 1)).startswith("0 ")
    assert Tenant.objects.using("auth").get(id=tenant.id).state == "deleting"


def test_every_table_with_a_tenant_is_purged_or_outlives_it(database: None, superuser: Any) -> None:
    with superuser.cursor() as cursor:
        with_tenant = {name for name, table in read_tables(cursor).items() if table.tenant_column}
    purged = {model._meta.db_table for model, _ in purge_order()}
    assert with_tenant == purged | purge.OUTLIVES | {"tenant"}


def test_everything_is_gone_and_the_neighbour_is_untouched(
    tenant: Tenant, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    register_uuid()
    neighbour = make_tenant("omega")
    monkeypatch.setattr(purge, "BATCH", 1)
    with superuser.cursor() as cursor:
        rows = GenericRows(cursor, read_tables(cursor))
        for place in (tenant, neighbour):
            rows.made["tenant", place.id] = {"id": place.id}
            there_already = counts(rows, place.id)
            for table in rows.tables.values():
                if table.tenant_column and not there_already[table.name]:
                    rows.row(table.name, place.id)
            assert all(counts(rows, place.id).values())
        before = counts(rows, neighbour.id)
        for folder in [*folders_of(tenant.id), *folders_of(neighbour.id)]:
            (folder / "deep").mkdir(parents=True)
            (folder / "deep" / "file").write_text("content")
        Tenant.objects.using("auth").filter(id=tenant.id).update(state="purging", purge_at=utc_now())
        there = Tenant.objects.using("auth").get(id=tenant.id)
        assert purge_tenant(tenant=there, batches=3) is False  # bounded, and begun again
        farewells: list[UUID] = []
        assert purge_tenant(tenant=there, batches=1000, farewells=(farewells.append,)) is True
        left = {name: count for name, count in counts(rows, tenant.id).items() if count}
        assert set(left) <= purge.OUTLIVES
        assert counts(rows, neighbour.id) == before
    assert farewells == [tenant.id]
    assert not any(folder.exists() for folder in folders_of(tenant.id))
    assert all((folder / "deep" / "file").exists() for folder in folders_of(neighbour.id))
    assert Membership.objects.using("auth").filter(tenant_id=neighbour.id).exists()


def test_the_name_is_free_again(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    owner = actor("Owner")
    owner.portal().post(PLACE, {"confirm": "alpha"})
    now = utc_now() + timedelta(days=settings.DELETION_GRACE_DAYS, seconds=1)
    assert purge_tenants(now=now).startswith("1 tenants are gone")
    assert owner.portal().get("/me")["tenants"] == []
    assert owner.portal().post("/tenants", {"slug": "alpha"}).status == 201


class Forgetful(NullStore):
    """Whose keys are elsewhere. `away`: nobody answers there."""

    def __init__(self) -> None:
        self.away = True
        self.forgotten: list[UUID] = []

    def forget(self, *, tenant_id: UUID) -> None:
        if self.away:
            raise KeyUnavailable("the Vault is sealed")
        self.forgotten.append(tenant_id)


def test_a_secret_store_that_is_away_puts_the_end_off(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    """The job as it is registered: the tenant is gone when its key is, and not before."""
    actor("Owner").portal().post(PLACE, {"confirm": "alpha"})
    now = utc_now() + timedelta(days=settings.DELETION_GRACE_DAYS, seconds=1)
    register_jobs()
    job = find("tenants.purge")
    store = Forgetful()
    with override_settings(SECRET_STORE_OBJECT=store):
        assert job.run(now=now, using="scheduler") == "0 tenants are gone, 1 are on their way"
        assert Tenant.objects.using("auth").get(id=tenant.id).state == "purging"
        store.away = False
        assert job.run(now=now, using="scheduler").startswith("1 tenants are gone")
    assert store.forgotten == [tenant.id]


def counts(rows: GenericRows, tenant_id: UUID) -> dict[str, int]:
    found = {}
    for table in rows.tables.values():
        if table.tenant_column:
            rows.cursor.execute(
                f'SELECT count(*) FROM "{table.name}" WHERE {table.tenant_column} = %s', [tenant_id]
            )
            found[table.name] = rows.cursor.fetchone()[0]
    return found


def test_the_folders_are_those_of_the_tenant(tenant: Tenant) -> None:
    assert all(
        str(tenant.id) in folder.name and Path(folder).is_absolute() for folder in folders_of(tenant.id)
    )
