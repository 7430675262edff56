"""/tenants/{slug}/remote: credentials go in and never out, wrong fields are named, strangers hear nothing."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from controlplane.bundles.remote_address import AddressInvalid, HostRefused, read_address, resolve
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.commit_status import CommitStatus
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.secrets.remote_credentials import open_credential, open_hook_secret
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.remotes import remote_of

pytestmark = pytest.mark.django_db(transaction=True)
AT = "/tenants/alpha/remote"
TOKEN: dict[str, Any] = {
    "url": "https://github.com/owner/dags.git",
    "auth": "token",
    "login": "me",
    "password": "ghp_s3cret",
}


def test_a_remote_is_named_and_looked_at_at_once(tenant: Tenant, member: Actor) -> None:
    assert member.portal().get(AT).status == 404
    made = member.portal().call("PUT", AT, TOKEN)
    assert (made.status, made["host_kind"], made["ref"], made["has_credential"]) == (
        201,
        "github",
        "main",
        True,
    )
    assert made["webhook_url"].endswith(f"/hooks/git/{tenant.id}/{made['id']}")
    assert "s3cret" not in str(made.body) + str(member.portal().get(AT).body)
    row = remote_of(tenant)
    assert b"s3cret" not in bytes(row.sealed)
    with tenant_scope(tenant.id):
        assert open_credential(remote=row) == {"password": "ghp_s3cret"}
        assert Errand.objects.get().ref == row.id


def test_a_change_keeps_the_credential_for_the_same_host_only(tenant: Tenant, member: Actor) -> None:
    member.portal().call("PUT", AT, TOKEN)
    without = {key: value for key, value in TOKEN.items() if key != "password"}
    kept = member.portal().call(
        "PUT", AT, {**without, "ref": "release", "url": "https://github.com/owner/other"}
    )
    assert (kept.status, kept["ref"], kept["has_credential"]) == (200, "release", True)
    for url in ("https://evil.example/owner/dags", "https://github.com:8443/owner/dags"):
        stolen = member.portal().call("PUT", AT, {**without, "url": url})
        assert (stolen.status, stolen["code"], list(stolen["errors"])) == (
            422,
            "credential-needed",
            ["password"],
        )
    assert remote_of(tenant).url == "https://github.com/owner/other"
    none = member.portal().call("PUT", AT, {"url": TOKEN["url"]})
    assert (none.status, none["has_credential"]) == (200, False)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "ftp://github.com/owner/dags"}, "url"),
        ({"url": "http://github.com/owner/dags"}, "url"),
        ({"url": "file:///etc"}, "url"),
        ({"url": "ext::sh -c id"}, "url"),
        ({"url": "https://user:pass@github.com/owner/dags"}, "url"),
        ({"url": "https://-oProxyCommand=id/owner/dags"}, "url"),
        ({"url": "ssh://-oProxyCommand=id@host/owner/dags"}, "url"),
        ({"url": "https://github.com/owner/dags?x=1"}, "url"),
        ({"url": "https://github.com/"}, "url"),
        ({"url": "https://github.com:99999/owner/dags"}, "url"),
        ({"ref": "--upload-pack=id"}, "ref"),
        ({"ref": "a..b"}, "ref"),
        ({"ref": "a b"}, "ref"),
        ({"ref": "refs/heads/x.lock"}, "ref"),
        ({"folder": "../up"}, "folder"),
        ({"poll_seconds": 1}, "poll_seconds"),
        ({"host_kind": "odd"}, "host_kind"),
        ({"auth": "odd"}, "auth"),
        ({"auth": "key", "key": "x", "password": None}, "password"),
        ({"password": "two\nlines"}, "password"),
        ({"key": "x"}, "key"),
        ({"known_hosts": "nonsense"}, "known_hosts"),
    ],
)
def test_wrong_input_names_the_field_and_changes_nothing(
    tenant: Tenant, member: Actor, change: dict[str, Any], field: str
) -> None:
    answer = member.portal().call("PUT", AT, {**TOKEN, **change})
    assert (answer.status, list(answer["errors"])) == (422, [field])
    with tenant_scope(tenant.id):
        assert GitRemote.objects.count() == 0


def test_a_key_needs_ssh_and_the_hosts_own_key(tenant: Tenant, member: Actor) -> None:
    key = {
        "url": "git@github.com:owner/dags.git",
        "auth": "key",
        "key": "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----",
        "known_hosts": "github.com ssh-ed25519 QUJD",
    }
    made = member.portal().call("PUT", AT, key)
    assert (made.status, made["url"]) == (201, "ssh://git@github.com/owner/dags.git")
    for change, field in (
        ({"known_hosts": ""}, "known_hosts"),
        ({"url": "https://github.com/owner/dags"}, "auth"),
        ({"key": "no key"}, "key"),
    ):
        assert list(member.portal().call("PUT", AT, {**key, **change})["errors"]) == [field]
    no_key = {"url": "git@github.com:owner/dags.git", "auth": "token", "password": "x"}
    assert list(member.portal().call("PUT", AT, no_key)["errors"]) == ["auth"]


def test_an_app_needs_a_real_rsa_key(tenant: Tenant, member: Actor) -> None:
    app = {"url": TOKEN["url"], "auth": "app", "app_id": "12", "installation_id": "34"}
    assert list(member.portal().call("PUT", AT, app)["errors"]) == ["key"]
    assert list(member.portal().call("PUT", AT, {**app, "key": "x"})["errors"]) == ["key"]
    assert list(member.portal().call("PUT", AT, {**app, "installation_id": "../x"})["errors"]) == [
        "installation_id"
    ]
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    assert member.portal().call("PUT", AT, {**app, "key": pem}).status == 201


def test_the_webhooks_secret_is_shown_once_and_the_former_is_no_good(tenant: Tenant, member: Actor) -> None:
    assert member.portal().post(f"{AT}/webhook-secret").status == 404
    member.portal().call("PUT", AT, TOKEN)
    first = member.portal().post(f"{AT}/webhook-secret")
    second = member.portal().post(f"{AT}/webhook-secret")
    assert first.status == second.status == 201
    assert first["secret"] != second["secret"]
    with tenant_scope(tenant.id):
        assert open_hook_secret(remote=remote_of(tenant)) == second["secret"]
    assert second["secret"] not in str(member.portal().get(AT).body)


def test_a_look_is_asked_for_and_the_remote_forgotten(tenant: Tenant, member: Actor) -> None:
    member.portal().call("PUT", AT, TOKEN)
    assert member.portal().post(f"{AT}/look").status == 202
    assert member.portal().delete(AT).status == 204
    assert member.portal().get(AT).status == 404
    with tenant_scope(tenant.id):
        assert Errand.objects.count() == 0


def test_what_the_host_was_told_is_listed(tenant: Tenant, member: Actor, viewer: Actor) -> None:
    member.portal().call("PUT", AT, TOKEN)
    with tenant_scope(tenant.id):
        CommitStatus.objects.create(
            tenant=tenant, remote=GitRemote.objects.get(), commit_sha="c" * 40, state="success",
            created_at=utc_now(),
        )  # fmt: skip
    [told] = viewer.portal().get(f"{AT}/statuses")["statuses"]
    assert (told["state"], told["told_at"], told["given_up"]) == ("success", None, False)


def test_who_may_look_may_not_see_or_change_it(tenant: Tenant, viewer: Actor, member: Actor) -> None:
    member.portal().call("PUT", AT, TOKEN)
    for method, path in (
        ("GET", AT),
        ("PUT", AT),
        ("DELETE", AT),
        ("POST", f"{AT}/look"),
        ("POST", f"{AT}/webhook-secret"),
    ):
        answer = viewer.portal().call(method, path, TOKEN)
        assert (answer.status, answer["code"]) == (403, "permission-missing"), path
    assert remote_of(tenant).hook_sealed is None


def test_strangers_hear_what_they_hear_of_nothing(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    member.portal().call("PUT", AT, TOKEN)
    for method, path in (
        ("GET", "remote"),
        ("PUT", "remote"),
        ("DELETE", "remote"),
        ("POST", "remote/look"),
        ("POST", "remote/webhook-secret"),
        ("GET", "remote/statuses"),
    ):
        there = stranger.portal().call(method, f"/tenants/alpha/{path}", TOKEN)
        nowhere = stranger.portal().call(method, f"/tenants/nowhere/{path}", TOKEN)
        assert (there.status, nowhere.status) == (404, 404), path
        assert there["detail"].replace("alpha", "nowhere") == nowhere["detail"]
    assert stranger.portal().get("/tenants/omega/remote").status == 404


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "169.254.169.254",
        "10.0.0.1",
        "[::1]",
        "[fd00::1]",
        "[::ffff:10.0.0.1]",
        "0.0.0.0",
    ],
)
def test_internal_hosts_are_never_resolved_to(host: str) -> None:
    with pytest.raises(HostRefused):
        resolve(host=host, port=443)


def test_addresses_are_written_in_one_way() -> None:
    assert read_address("https://GitHub.com/Owner/Dags.git").text == "https://github.com/Owner/Dags.git"
    assert read_address("https://github.com:443/o/d").text == "https://github.com/o/d"
    assert read_address("me@host:o/d").text == "ssh://me@host/o/d"
    assert read_address("ssh://host:2222/o/d").text == "ssh://git@host:2222/o/d"
    assert read_address("https://github.com/Owner/Dags.git").full_name == "owner/dags"
    with pytest.raises(AddressInvalid):
        read_address("https://github.com/o/../d")
