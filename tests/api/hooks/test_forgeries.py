"""A flood of forged webhooks: refused after a few without a query, and no other sender or remote suffers from it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client, override_settings

from api.hooks import forgeries, git_webhooks
from controlplane.foundation import rate_counter
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.git_remote import GitRemote
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.queries import counted
from tests.support.remotes import make_remote
from tests.support.webhooks import Delivery, golden

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "the webhook's secret"
URL = "https://github.com/owner/dags.git"
NOON = datetime(2026, 5, 4, 12, 0, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch, database: None) -> Iterator[list[datetime]]:
    """The minute does not turn while a test counts; a test may turn it."""
    now = [NOON]
    monkeypatch.setattr(git_webhooks, "utc_now", lambda: now[0])
    rate_counter._resting_until[0] = 0.0
    yield now


@pytest.fixture
def remote(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> GitRemote:
    monkeypatch.setattr(forgeries, "PAIR", 3)
    return make_remote(tenant, URL, host_kind="github", secret=SECRET)


def sent(delivery: Delivery, remote: GitRemote, address: str = "203.0.113.9", path: str = "") -> Any:
    return Client(REMOTE_ADDR=address).post(
        path or f"/hooks/git/{remote.tenant_id}/{remote.id}",
        data=delivery.body,
        content_type="application/json",
        headers={name: value for name, value in delivery.headers.items() if name != "Content-Type"},
    )


def forged(number: int = 0) -> Delivery:
    return golden("github_push").signed(f"guess {number}")


def test_after_a_few_it_is_refused_without_a_query_until_the_minute_turns(
    remote: GitRemote, noon: list[datetime]
) -> None:
    assert [sent(forged(n), remote).status_code for n in range(4)] == [401, 401, 401, 429]
    with counted() as seen:
        answer = sent(forged(), remote)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (429, "webhook-flood", "40")
    assert [text for text in seen if "git_remote" in text or '"tenant"' in text] == []
    assert sent(golden("github_push").signed(SECRET), remote).status_code == 429, (
        "it comes from the same place"
    )
    noon[0] += timedelta(seconds=40)
    assert sent(golden("github_push").signed(SECRET), remote).status_code == 202


def test_the_hosts_own_deliveries_go_on(tenant: Tenant, remote: GitRemote) -> None:
    for number in range(6):
        sent(forged(number), remote)
    answer = sent(golden("github_push").signed(SECRET), remote, address="192.0.2.1")
    assert (answer.status_code, answer.json()["accepted"]) == (202, True)
    with tenant_scope(tenant.id):
        assert Errand.objects.filter(kind="fetch").count() == 1


def test_what_is_signed_is_never_counted(remote: GitRemote) -> None:
    """The control: a busy repository is not a flood of forgeries."""
    for number in range(1, 10):
        delivery = golden("github_push").changed(
            lambda told, n=number: told.update(after=f"{n:040x}"), delivery=f"d{number}"
        )
        assert sent(delivery.signed(SECRET), remote).status_code == 202


def test_an_address_that_tries_many_remotes_is_refused_at_all(
    remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgeries, "ADDRESS", 5)
    paths = [f"/hooks/git/{uuid4()}/{uuid4()}" for _ in range(6)]
    assert [sent(forged(), remote, path=path).status_code for path in paths] == [401] * 5 + [429]
    assert sent(golden("github_push").signed(SECRET), remote).status_code == 429
    assert sent(golden("github_push").signed(SECRET), remote, address="192.0.2.1").status_code == 202


def test_a_remote_costs_no_more_whoever_sends(
    tenant: Tenant, remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgeries, "REMOTE", 5)
    answers = [sent(forged(), remote, address=f"203.0.113.{n}").status_code for n in range(7)]
    assert answers == [401] * 5 + [429] * 2
    elsewhere = f"/hooks/git/{tenant.id}/{uuid4()}"
    assert sent(forged(), remote, path=elsewhere).status_code == 401, "only that remote"


def test_what_is_not_signed_at_all_is_neither_read_nor_looked_up(
    remote: GitRemote, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    read = git_webhooks._read

    def noted(request: Any) -> bytes | None:
        reads.append(found := read(request) or b"")
        return found

    monkeypatch.setattr(git_webhooks, "_read", noted)
    with counted() as seen:
        answer = sent(golden("github_push"), remote)
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook-forged")
    assert [text for text in seen if "git_remote" in text] == []
    assert reads == []
    assert sent(forged(), remote).status_code == 401
    assert len(reads) == 1, "the control: what claims to be signed is read"


def test_without_the_counter_signatures_are_checked_as_ever(remote: GitRemote) -> None:
    away = {**settings.CACHES, "default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:9/0"}}
    with override_settings(CACHES=away):
        assert [sent(forged(n), remote).status_code for n in range(6)] == [401] * 6
    rate_counter._resting_until[0] = 0.0
