"""Fetching by HTTPS and by SSH from servers that really speak it: whom we believe, and who is let in."""

from __future__ import annotations

import ssl
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from controlplane.bundles import fetch as fetching
from controlplane.bundles.fetch import Credential, FetchFailed, fetch
from controlplane.bundles.outside_http import HostUnreachable, post_json
from controlplane.bundles.remote_address import read_address
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.commit_status import CommitStatus
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.authority import Authority, new_authority
from tests.support.bundles import dag_file
from tests.support.git_server import git_host
from tests.support.remotes import commit_and_push, go_errands, make_due, make_remote, origin, remote_of
from tests.support.ssh_git_server import SshGitHost, new_key, private_text, public_text, ssh_git_host

LOOPBACK = (ip_network("127.0.0.0/8"),)


@pytest.fixture(autouse=True)
def places(tmp_path: Path) -> Any:
    """The protocols are the product's own here: HTTPS and SSH."""
    with override_settings(GIT_DIR=tmp_path / "git", GIT_NETWORKS=LOOPBACK):
        yield


@pytest.fixture
def authority() -> Authority:
    return new_authority()


@pytest.fixture
def commit(tmp_path: Path) -> str:
    return commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})


def fetched(url: str, credential: Credential | None = None) -> str:
    _, commit = fetch(
        tenant_id="secure",  # type: ignore[arg-type]
        address=read_address(url),
        ref_kind="branch",
        ref="main",
        credential=credential or Credential(),
    )
    return commit


@pytest.mark.django_db(transaction=True)
def test_a_host_with_an_authority_of_its_own_is_fetched_from_and_told(
    tenant: Tenant, tmp_path: Path, authority: Authority, commit: str
) -> None:
    tls = authority.server_context(name="127.0.0.1", folder=tmp_path)
    with git_host(tmp_path / "host", tls=tls) as host, override_settings(GIT_CA=authority.pem):
        host.password = "t0ken"
        make_remote(
            tenant,
            host.url,
            host_kind="gitea",
            writes_statuses=True,
            login="me",
            credential={"password": "t0ken"},
        )
        go_errands(tenant, "fetch")
        assert (remote_of(tenant).message, remote_of(tenant).last_commit) == ("", commit)
        go_errands(tenant, "status")
        [(path, headers, told)] = host.api_calls
    assert (path, told["state"]) == (f"/api/v1/repos/owner/dags/statuses/{commit}", "pending")
    assert headers["authorization"] == "token t0ken"
    with tenant_scope(tenant.id):
        assert BundleVersion.objects.get().commit_sha == commit
        assert CommitStatus.objects.get().told_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_host_that_nobody_vouches_for_gets_neither_credential_nor_status(
    tenant: Tenant, tmp_path: Path, authority: Authority, commit: str
) -> None:
    """The control of the test above: only the authority is not trusted."""
    tls = authority.server_context(name="127.0.0.1", folder=tmp_path)
    with git_host(tmp_path / "host", tls=tls) as host:
        for trusted in ("", new_authority().pem):
            with override_settings(GIT_CA=trusted):
                with pytest.raises(FetchFailed, match="certificate"):
                    fetched(host.url, Credential(login="me", password="t0ken"))
                with pytest.raises(HostUnreachable):
                    post_json(url=f"{host.url}/api/v1/x", body={}, headers={"Authorization": "token t0ken"})
        assert (host.fetches, host.api_calls) == (0, [])
        make_remote(tenant, host.url, login="me", credential={"password": "t0ken"})
        go_errands(tenant)
    assert (remote_of(tenant).state, "certificate" in remote_of(tenant).message) == ("failing", True)


def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, authority: Authority, commit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git goes to the address that we found, and still asks who answers there by the name in the URL."""
    monkeypatch.setattr(fetching, "resolve", lambda **_: ["127.0.0.1"])
    for name, is_good in (("git.example.com", True), ("git.example.net", False)):
        tls = authority.server_context(name=name, folder=tmp_path)
        with git_host(tmp_path / "host", tls=tls) as host, override_settings(GIT_CA=authority.pem):
            url = host.url.replace("127.0.0.1", "git.example.com")
            if is_good:
                assert fetched(url) == commit
            else:
                with pytest.raises(FetchFailed, match=r"certificate|subject"):
                    fetched(url)


def test_an_old_protocol_is_refused(tmp_path: Path, authority: Authority, commit: str) -> None:
    tls = authority.server_context(name="127.0.0.1", folder=tmp_path)
    tls.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with git_host(tmp_path / "host", tls=tls) as host, override_settings(GIT_CA=authority.pem):
        with pytest.raises(FetchFailed):
            fetched(host.url)
        assert host.fetches == 0


@pytest.fixture
def ssh(tmp_path: Path, commit: str) -> Any:
    with ssh_git_host(tmp_path / "host") as started:
        yield started


@pytest.mark.django_db(transaction=True)
def test_a_deploy_key_opens_and_what_is_there_becomes_a_version(
    tenant: Tenant, ssh: SshGitHost, commit: str, tmp_path: Path
) -> None:
    make_remote(tenant, ssh.url, auth="key", credential={"key": ssh.client_key}, known_hosts=ssh.host_line)
    go_errands(tenant)
    assert (remote_of(tenant).message, remote_of(tenant).last_commit) == ("", commit)
    assert ssh.sessions == ["git-upload-pack '/owner/dags.git'"]
    with tenant_scope(tenant.id):
        assert BundleVersion.objects.get().commit_sha == commit
    make_due(tenant)
    go_errands(tenant)
    assert (remote_of(tenant).state, len(ssh.sessions)) == ("ok", 2)
    left = [each for each in (tmp_path / "git").rglob("*") if each.name in ("key", "hosts")]
    assert left == [], "no key stays behind"


def test_a_host_with_another_key_is_not_believed(ssh: SshGitHost) -> None:
    other = f"[127.0.0.1]:22 {public_text(new_key())}"
    with pytest.raises(FetchFailed, match="Host key verification failed"):
        fetched(ssh.url, Credential(key=ssh.client_key, known_hosts=other))
    with pytest.raises(FetchFailed, match="Host key verification failed"):
        fetched(ssh.url, Credential(key=ssh.client_key, known_hosts=""))
    assert ssh.sessions == []


def test_a_key_that_the_host_does_not_know_opens_nothing(ssh: SshGitHost) -> None:
    stranger = private_text(new_key())
    with pytest.raises(FetchFailed, match="Permission denied") as refused:
        fetched(ssh.url, Credential(key=stranger, known_hosts=ssh.host_line))
    assert ssh.sessions == []
    assert "PRIVATE KEY" not in str(refused.value)


def test_an_internal_address_is_not_reached_by_ssh_either(ssh: SshGitHost) -> None:
    with override_settings(GIT_NETWORKS=()), pytest.raises(Exception, match="internal address"):
        fetched(ssh.url, Credential(key=ssh.client_key, known_hosts=ssh.host_line))
    assert ssh.sessions == []
    assert len(fetched(ssh.url, Credential(key=ssh.client_key, known_hosts=ssh.host_line))) == 40
