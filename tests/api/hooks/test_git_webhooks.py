"""Webhooks of four hosts: believed by their signature, taken once, ignored with a reason, never a stranger's."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client, override_settings

from controlplane.bundles import webhooks
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.ledger.models.hook_delivery import HookDelivery
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, parsed
from tests.support.deployments import states
from tests.support.git_server import git_host
from tests.support.parser import parsing
from tests.support.remotes import commit_and_push, go_errands, make_remote, origin
from tests.support.specs import chain
from tests.support.webhooks import HOSTS, golden

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "the webhook's secret"
URLS = {
    "github": "https://github.com/owner/dags.git",
    "gitlab": "https://gitlab.com/owner/dags.git",
    "bitbucket": "https://bitbucket.org/Owner/dags",
    "gitea": "https://codeberg.org/owner/dags",
}


def remote_for(tenant: Tenant, kind: str, **fields: Any) -> GitRemote:
    """A remote whose first look is far away, so that what a webhook asks for is seen."""
    row = make_remote(tenant, URLS[kind], host_kind=kind, secret=SECRET, **fields)
    with tenant_scope(tenant.id):
        Errand.objects.update(due_at=utc_now() + timedelta(days=1))
    return row


def is_due(tenant: Tenant) -> bool:
    with tenant_scope(tenant.id):
        return Errand.objects.filter(kind="fetch", due_at__lte=utc_now() + timedelta(seconds=3)).exists()


@pytest.mark.parametrize("kind", HOSTS)
def test_a_signed_push_has_the_remote_looked_at(tenant: Tenant, kind: str) -> None:
    remote = remote_for(tenant, kind)
    answer = golden(f"{kind}_push").signed(SECRET).send(remote)
    assert (answer.status_code, answer.json()) == (
        202,
        {"accepted": True, "reason": "the remote is being looked at"},
    )
    assert is_due(tenant)


@pytest.mark.parametrize("kind", HOSTS)
def test_a_forgery_is_refused_whatever_it_says(tenant: Tenant, kind: str) -> None:
    remote = remote_for(tenant, kind)
    delivery = golden(f"{kind}_push")
    forged = [delivery, delivery.signed("another secret"), delivery.signed("")]
    if kind != "gitlab":  # GitLab signs nothing: its secret comes as it is
        right = delivery.signed(SECRET)
        forged.append(type(right)(kind, right.headers, right.body + b" "))
    for each in forged:
        answer = each.send(remote)
        assert (answer.status_code, answer.json()["code"]) == (401, "webhook-forged")
    assert not is_due(tenant)
    with tenant_scope(tenant.id):
        assert HookDelivery.objects.count() == 0


@pytest.mark.parametrize("kind", HOSTS)
def test_a_replay_is_refused_by_its_id_and_by_its_body(tenant: Tenant, kind: str) -> None:
    remote = remote_for(tenant, kind)
    delivery = golden(f"{kind}_push")
    assert delivery.signed(SECRET).send(remote).status_code == 202
    again = delivery.signed(SECRET).send(remote)
    assert (again.status_code, again.json()["code"]) == (409, "webhook-replayed")
    renamed = delivery.changed(lambda told: None, delivery="another-id").signed(SECRET).send(remote)
    assert renamed.status_code == 409, "the id is not signed: the same body is the same delivery"
    same_id = delivery.changed(lambda told: told.update(more=1)).signed(SECRET).send(remote)
    assert same_id.status_code == 409
    other = delivery.changed(lambda told: told.update(more=2), delivery="third").signed(SECRET).send(remote)
    assert other.status_code == (202 if kind != "gitlab" else other.status_code)


def test_what_is_not_about_this_remote_is_ignored_with_a_reason(tenant: Tenant) -> None:
    remote = remote_for(tenant, "github")

    def sent(change: Any, number: int) -> dict[str, Any]:
        answer = golden("github_push").changed(change, delivery=f"d{number}").signed(SECRET).send(remote)
        assert answer.status_code == 202
        body: dict[str, Any] = answer.json()
        return body

    for number, (change, said) in enumerate(
        (
            (lambda told: told.update(ref="refs/heads/other"), "not to the branch 'main'"),
            (lambda told: told.update(ref="refs/tags/main"), "not to the branch 'main'"),
            (lambda told: told["repository"].update(full_name="owner/other"), "another repository"),
            (lambda told: told.update(after="0" * 40, deleted=True), "was deleted; what is deployed stays"),
        )
    ):
        told = sent(change, number)
        assert (told["accepted"], said in told["reason"]) == (False, True), told
    ping = golden("github_ping").signed(SECRET).send(remote)
    assert (ping.status_code, ping.json()["accepted"]) == (202, False)
    assert not is_due(tenant)


def test_a_tag_is_followed_as_a_tag(tenant: Tenant) -> None:
    remote = remote_for(tenant, "gitlab", ref_kind="tag", ref="v1")
    assert golden("gitlab_push").signed(SECRET).send(remote).json()["accepted"] is False
    assert golden("gitlab_tag_push").signed(SECRET).send(remote).json()["accepted"] is True


def test_a_commit_that_is_known_is_not_fetched_again(tenant: Tenant) -> None:
    remote = remote_for(tenant, "gitea", last_commit="b" * 40)
    assert golden("gitea_push").signed(SECRET).send(remote).json() == {
        "accepted": False,
        "reason": "that commit is known already",
    }


def test_strangers_hear_the_same_whether_there_is_a_remote_or_not(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    remote = remote_for(tenant, "github")
    delivery = golden("github_push").signed("a stranger's secret")
    answers = [
        delivery.send(remote),
        delivery.send(remote, path=f"/hooks/git/{tenant.id}/{uuid4()}"),
        delivery.send(remote, path=f"/hooks/git/{other_tenant.id}/{remote.id}"),
        delivery.send(remote, path=f"/hooks/git/{uuid4()}/{remote.id}"),
    ]
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].status_code == 401
    # Even the right secret opens no other tenant's door.
    right = golden("github_push").signed(SECRET)
    assert right.send(remote, path=f"/hooks/git/{other_tenant.id}/{remote.id}").status_code == 401


def test_without_a_secret_nothing_is_believed(tenant: Tenant) -> None:
    row = make_remote(tenant, URLS["github"], host_kind="github")
    for secret in ("", "0" * 64):
        assert golden("github_push").signed(secret).send(row).status_code == 401


def test_signed_nonsense_is_malformed_and_changes_nothing(tenant: Tenant) -> None:
    remote = remote_for(tenant, "github")
    whole = golden("github_push")
    for body in (
        b"",
        b"[]",
        b"{",
        b'{"ref": 1}',
        b'{"repository": {"full_name": "owner/dags"}}',
        b"[" * 100_000,
    ):
        answer = type(whole)("github", whole.headers, body).signed(SECRET).send(remote)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed"), body[:40]
    assert not is_due(tenant)


def test_too_large_is_refused_before_it_is_read(tenant: Tenant) -> None:
    remote = remote_for(tenant, "github")
    whole = golden("github_push")
    large = type(whole)("github", whole.headers, b"x" * (5 * 1024 * 1024 + 1)).signed(SECRET)
    assert large.send(remote).status_code == 413
    assert Client().get(f"/hooks/git/{tenant.id}/{remote.id}").status_code == 405


def test_a_flood_is_one_look_and_then_told_to_wait(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "MOST_A_MINUTE", 5)
    remote = remote_for(tenant, "github")
    answers = [
        golden("github_push")
        .changed(lambda told, n=number: told.update(after=f"{n:040x}"), delivery=f"d{number}")
        .signed(SECRET)
        .send(remote)
        for number in range(1, 9)
    ]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429] * 3
    assert answers[-1]["Retry-After"] == "60"
    with tenant_scope(tenant.id):
        assert Errand.objects.filter(kind="fetch").count() == 1


def test_a_push_while_somebody_is_on_the_way_is_looked_at_once_more(tenant: Tenant, tmp_path: Path) -> None:
    """The claim's end keeps what was asked for meanwhile."""
    clone = origin(tmp_path / "host")
    commit_and_push(clone, {"dags/a.py": dag_file("a")})
    with git_host(tmp_path / "host") as host, override_settings(GIT_DIR=tmp_path / "git"):
        remote = make_remote(tenant, host.url, host_kind="github", secret=SECRET)
        go_errands(tenant)
        second = commit_and_push(clone, {"dags/b.py": dag_file("b")})
        with tenant_scope(tenant.id):
            GitRemote.objects.update(last_fetched_at=utc_now() - timedelta(minutes=1))
        delivery = golden("github_push").changed(lambda told: told.update(after=second)).signed(SECRET)
        assert delivery.send(remote).json()["accepted"] is True
        assert go_errands(tenant) == 1
        with tenant_scope(tenant.id):
            assert BundleVersion.objects.filter(commit_sha=second).exists()


def test_a_webhook_makes_a_commit_runnable_within_five_seconds(tenant: Tenant, tmp_path: Path) -> None:
    clone = origin(tmp_path / "host")
    commit_and_push(clone, {"dags/a.py": dag_file("a")})
    with (
        git_host(tmp_path / "host") as host,
        override_settings(GIT_DIR=tmp_path / "git"),
        parsing() as parser,
    ):
        parser.told = {"dags/a.py": parsed("dags/a.py", chain("a", 1))}
        remote = make_remote(tenant, host.url, host_kind="github", secret=SECRET)
        begun = utc_now()
        delivery = golden("github_push").signed(SECRET)
        assert delivery.send(remote).status_code == 202
        go_errands(tenant)
        while states(tenant) != [(1, "remote", "active")]:
            assert utc_now() - begun < timedelta(seconds=5), states(tenant)
    assert json.loads(golden("github_push").body)["ref"] == "refs/heads/main"
