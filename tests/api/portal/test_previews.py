"""/tenants/{slug}/previews: a branch's own environment, paused, for a while, and then where it was meant for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.ledger.models.preview import Preview
from controlplane.secrets.remote_credentials import open_credential
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.bundles import dag_file, parsed
from tests.support.deployments import push, states, store_parsed
from tests.support.git_server import git_host
from tests.support.remotes import commit_and_push, go_errands, make_due, make_remote, origin
from tests.support.specs import chain
from tests.support.webhooks import golden

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/tenants/alpha/previews"


def preview_of(tenant: Tenant, branch: str = "feature/x") -> tuple[Preview, Tenant]:
    with tenant_scope(tenant.id):
        row = Preview.objects.get(branch=branch)
    return row, Tenant.objects.using("auth").get(id=row.preview_tenant_id)


def test_a_branch_becomes_a_tenant_of_the_same_organisation(tenant: Tenant, member: Actor) -> None:
    made = member.portal().post(AT, {"branch": "feature/x", "lifetime_days": 3})
    assert (made.status, made["state"], made["branch"]) == (201, "active", "feature/x")
    row, preview = preview_of(tenant)
    assert (preview.environment, preview.organisation_id, preview.state) == (
        "preview",
        tenant.organisation_id,
        "active",
    )
    assert preview.settings["dags_paused_at_creation"] is True
    assert timedelta(days=2.9) < row.expires_at - utc_now() < timedelta(days=3.1)
    push(preview, "one")
    with tenant_scope(preview.id):
        assert Dag.objects.get().is_paused is True
    # The same branch again: the same preview, with another end.
    again = member.portal().post(AT, {"branch": "feature/x", "lifetime_days": 30})
    assert (again.status, again["id"], again["slug"]) == (200, made["id"], made["slug"])
    assert preview_of(tenant)[0].expires_at - utc_now() > timedelta(days=29)
    nested = member.portal().post(f"/tenants/{preview.slug}/previews", {"branch": "y"})
    assert (nested.status, nested["code"]) == (422, "preview-refused")


def test_its_people_are_those_of_the_tenant(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    made = member.portal().post(AT, {"branch": "x"})
    path = f"/tenants/{made['slug']}/deployments"
    assert viewer.portal().get(path).status == 200
    assert viewer.portal().post(path, {}).status == 403


def test_it_follows_its_own_branch_by_the_tenants_way_in(
    tenant: Tenant, member: Actor, tmp_path: Path
) -> None:
    clone = origin(tmp_path / "host")
    commit_and_push(clone, {"dags/a.py": dag_file("a")})
    branch = commit_and_push(clone, {"dags/b.py": dag_file("b")}, branch="feature/x")
    with git_host(tmp_path / "host") as host, override_settings(GIT_DIR=tmp_path / "git"):
        host.password = "t0ken"
        remote = make_remote(
            tenant, host.url, credential={"password": "t0ken"}, host_kind="github", secret="hook"
        )
        go_errands(tenant)
        member.portal().post(AT, {"branch": "feature/x"})
        row, preview = preview_of(tenant)
        assert go_errands(preview) == 1
        with tenant_scope(preview.id):
            theirs = GitRemote.objects.get()
            assert (theirs.ref, theirs.last_commit) == ("feature/x", branch)
            assert open_credential(remote=theirs) == {"password": "t0ken"}
            assert theirs.sealed != remote.sealed
        # A webhook of the tenant's own remote wakes the preview, and nothing else.
        newer = commit_and_push(clone, {"dags/c.py": dag_file("c")}, branch="feature/x")
        with tenant_scope(preview.id):
            GitRemote.objects.update(last_fetched_at=utc_now() - timedelta(minutes=1))
        pushed = golden("github_push").changed(
            lambda told: told.update(ref="refs/heads/feature/x", after=newer)
        )
        answer = pushed.signed("hook").send(remote)
        assert answer.json() == {"accepted": True, "reason": "previews are being looked at: feature/x"}
        assert go_errands(preview) == 1
        assert go_errands(tenant) == 0
        with tenant_scope(preview.id):
            assert GitRemote.objects.get().last_commit == newer
    assert row.slug == preview.slug


def test_promoting_deploys_the_same_files_where_they_were_meant_for(tenant: Tenant, member: Actor) -> None:
    push(tenant, "old", 1)
    made = member.portal().post(AT, {"branch": "x"})
    path = f"{AT}/{made['id']}/promote"
    empty = member.portal().post(path)
    assert (empty.status, empty["code"]) == (409, "preview-empty")
    _, preview = preview_of(tenant, "x")
    tried = push(preview, "new", 2, branch="x", commit_sha="c" * 40, source="remote")
    assert member.portal().patch("/tenants/alpha/deployment-mode", {"mode": "manual"}).status == 200
    answer = member.portal().post(path)
    assert (answer.status, answer["deployment"], answer["state"]) == (201, 2, "waiting")
    assert states(tenant) == [(1, "upload", "active"), (2, "promotion", "waiting")]
    with tenant_scope(tenant.id):
        arrived = BundleVersion.objects.get(id=UUID(answer["bundle_id"]))
    assert (arrived.digest, arrived.commit_sha, arrived.tenant_id) == (tried.digest, "c" * 40, tenant.id)
    store_parsed(tenant, arrived, parsed("dags/a.py", chain("a", 2)))
    assert states(tenant)[-1] == (2, "promotion", "active")


def test_it_ends_when_somebody_says_so(tenant: Tenant, member: Actor) -> None:
    made = member.portal().post(AT, {"branch": "x"})
    assert member.portal().delete(f"{AT}/{made['id']}").status == 204
    row, preview = preview_of(tenant, "x")
    assert (row.state, preview.state) == ("ended", "deleting")
    assert preview.purge_at is not None
    assert member.portal().delete(f"{AT}/{made['id']}").status == 404
    assert member.portal().post(f"{AT}/{made['id']}/promote").status == 404
    assert member.portal().get(f"/tenants/{made['slug']}/deployments").status == 404
    [listed] = member.portal().get(AT)["previews"]
    assert listed["state"] == "ended"
    # The branch may have another one.
    assert member.portal().post(AT, {"branch": "x"}).status == 201


def test_it_ends_by_itself_when_its_time_is_over_and_not_before(tenant: Tenant, member: Actor) -> None:
    member.portal().post(AT, {"branch": "x"})
    row, preview = preview_of(tenant, "x")
    make_due(preview)
    assert go_errands(preview, "expire") == 1
    assert preview_of(tenant, "x")[0].state == "active"
    with tenant_scope(tenant.id):
        Preview.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    make_due(preview)
    assert go_errands(preview, "expire") == 1
    row, preview = preview_of(tenant, "x")
    assert (row.state, preview.state) == ("ended", "deleting")
    make_due(preview)
    assert go_errands(preview) == 0


def test_it_ends_also_when_the_tenant_it_was_made_for_is_gone(tenant: Tenant, member: Actor) -> None:
    member.portal().post(AT, {"branch": "x"})
    _, preview = preview_of(tenant, "x")
    with tenant_scope(tenant.id):
        Preview.objects.all().delete()
    make_due(preview)
    assert go_errands(preview, "expire") == 1
    assert Tenant.objects.using("auth").get(id=preview.id).state == "deleting"


def test_wrong_input_names_the_field(tenant: Tenant, member: Actor) -> None:
    for body, field in (
        ({}, "branch"),
        ({"branch": "a b"}, "branch"),
        ({"branch": "-x"}, "branch"),
        ({"branch": "x", "lifetime_days": 0}, "lifetime_days"),
        ({"branch": "x", "lifetime_days": 91}, "lifetime_days"),
    ):
        answer = member.portal().post(AT, body)
        assert (answer.status, list(answer["errors"])) == (422, [field])
    assert member.portal().delete(f"{AT}/{uuid4()}").status == 404


def test_who_may_look_may_not_make_one_and_strangers_hear_nothing(
    tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor
) -> None:
    made = member.portal().post(AT, {"branch": "x"})
    one = f"{AT}/{made['id']}"
    for method, path in (("POST", AT), ("DELETE", one), ("POST", f"{one}/promote")):
        answer = viewer.portal().call(method, path, {"branch": "y"})
        assert (answer.status, answer["code"]) == (403, "permission-missing")
    assert viewer.portal().get(AT).status == 200
    for method, path in (("GET", AT), ("POST", AT), ("DELETE", one), ("POST", f"{one}/promote")):
        there = stranger.portal().call(method, path, {"branch": "y"})
        nowhere = stranger.portal().call(method, path.replace("alpha", "nowhere"), {"branch": "y"})
        assert (there.status, nowhere.status) == (404, 404)
        assert there["detail"].replace("alpha", "nowhere") == nowhere["detail"]
    assert stranger.portal().get(f"/tenants/{made['slug']}/deployments").status == 404
