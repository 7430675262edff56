"""A statement of a person's request ends in time, and the answer says what to do: three actors wait for a locked table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg2
import pytest
from django.test import override_settings

from api import time_limit
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tenants.time_limit import time_limited
from tests.support import services
from tests.support.actors import Actor
from tests.support.attempts import running_try
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import chain

LIST = "/dags/~/dagRuns/~/taskInstances"


@pytest.fixture
def locked(embedded: services.Services, tenant: Tenant) -> Iterator[None]:
    """Somebody holds two tables: whoever reads them waits."""
    created_run(tenant, parsed_dag(tenant, chain("beta", 1)), run_id="r1")
    with contextlib.closing(psycopg2.connect(**embedded.superuser)) as holder:
        holder.cursor().execute("LOCK TABLE task_instance, alert_rule")
        yield


@pytest.fixture
def _soon() -> Iterator[None]:
    with override_settings(STATEMENT_SECONDS=0.2):
        yield


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_takes_too_long_is_stopped_and_says_what_to_do(
    locked: None, _soon: None, viewer: Actor, method: str
) -> None:
    told = viewer.v2().get(LIST) if method == "GET" else viewer.v2().post(f"{LIST}/list", {})
    assert told.status == 504
    assert told["detail"].startswith("The database stopped this request after 0.2 s")
    assert "page by cursor" in told["detail"]


def test_the_portal_tells_it_with_a_code(locked: None, _soon: None, member: Actor, tenant: Tenant) -> None:
    told = member.portal().get(f"/tenants/{tenant.slug}/alert-rules")
    assert (told.status, told["code"], told["title"]) == (504, "took-too-long", "The request took too long")


def test_a_change_may_take_longer(
    locked: None, _soon: None, member: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time_limit, "CHANGES_TIMES", 3)
    told = member.v2().post("/dags/beta/dagRuns", {"logical_date": None})
    assert told.status == 504
    assert "after 0.6 s" in told["detail"]


def test_a_stranger_waits_for_nothing(locked: None, _soon: None, stranger: Actor, tenant: Tenant) -> None:
    assert stranger.v2(tenant).get(LIST).status in (403, 404)


def test_a_limit_is_the_transactions_own(tenant: Tenant) -> None:
    def limit() -> str:
        from django.db import connection

        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            return str(cursor.fetchone()[0])

    with time_limited(12.5):
        assert limit() == "12500ms"
    assert limit() == "0", "the connection is used again, by whoever comes next"


@override_settings(STATEMENT_SECONDS=0.001)
def test_tasks_are_not_limited(tenant: Tenant) -> None:
    one = running_try(tenant)
    assert one.door().get("dag-runs/count", {"dag_id": "example"}).status == 200
