"""Fetching from outside: the same checks as a push, bounded, by no other way than the one we looked at."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from controlplane.bundles import fetch as fetching
from controlplane.bundles.fetch import Credential, FetchFailed, fetch
from controlplane.bundles.git import run_git
from controlplane.bundles.remote_address import read_address
from controlplane.bundles.remotes import fetch_due, wait_seconds
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.errand import Errand
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file
from tests.support.deployments import states
from tests.support.git_server import git_host, local
from tests.support.remotes import commit_and_push, go_errands, make_due, make_remote, origin, remote_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def places(tmp_path: Path) -> Any:
    with override_settings(GIT_DIR=tmp_path / "git"):
        yield


def bundles(tenant: Tenant) -> list[BundleVersion]:
    with tenant_scope(tenant.id):
        return list(BundleVersion.objects.order_by("id"))


def test_what_the_branch_holds_becomes_a_version_and_a_deployment(tenant: Tenant, tmp_path: Path) -> None:
    clone = origin(tmp_path / "host")
    commit = commit_and_push(clone, {"dags/a.py": dag_file("a"), "README.md": b"hello"})
    with git_host(tmp_path / "host") as host:
        make_remote(tenant, host.url)
        assert go_errands(tenant) == 1
        [bundle] = bundles(tenant)
        assert (bundle.source, bundle.commit_sha, bundle.branch) == ("remote", commit, "main")
        assert (sorted(bundle.files), bundle.pushed_by) == (["README.md", "dags/a.py"], "Author")
        assert states(tenant) == [(1, "remote", "waiting")]
        # Nothing new: nothing happens, and the next look waits its time.
        make_due(tenant)
        assert go_errands(tenant) == 1
        assert (len(bundles(tenant)), remote_of(tenant).state) == (1, "ok")
        with tenant_scope(tenant.id):
            due = Errand.objects.get().due_at - utc_now()
        assert timedelta(seconds=290) < due < timedelta(seconds=340)
        second = commit_and_push(clone, {"dags/b.py": dag_file("b")})
        make_due(tenant)
        go_errands(tenant)
    assert [row.commit_sha for row in bundles(tenant)] == [commit, second]


def test_a_sub_folder_and_a_tag_are_taken_alone(tenant: Tenant, tmp_path: Path) -> None:
    clone = origin(tmp_path / "host")
    tagged = commit_and_push(clone, {"team/dags/a.py": dag_file("a"), "other/x.py": b"x"})
    clone.git("tag", "v1")
    assert clone.push("refs/tags/v1").status == 0
    commit_and_push(clone, {"team/dags/b.py": dag_file("b")})
    with git_host(tmp_path / "host") as host:
        make_remote(tenant, host.url, ref_kind="tag", ref="v1", folder="team")
        go_errands(tenant)
    [bundle] = bundles(tenant)
    assert (bundle.commit_sha, list(bundle.files)) == (tagged, ["dags/a.py"])


def test_a_token_opens_and_is_seen_nowhere(tenant: Tenant, tmp_path: Path) -> None:
    commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})
    with git_host(tmp_path / "host") as host:
        host.password = "s3cret/with:odd@signs"
        make_remote(tenant, host.url, credential={"password": host.password}, login="me")
        go_errands(tenant)
        assert len(bundles(tenant)) == 1
        host.password = "another"
        make_due(tenant)
        with tenant_scope(tenant.id):
            pass
        go_errands(tenant)
    remote = remote_of(tenant)
    assert (remote.state, remote.failures) == ("failing", 1)
    assert remote.message and "s3cret" not in remote.message
    kept = subprocess.run(["grep", "-r", "s3cret", str(tmp_path / "git")], capture_output=True, check=False)
    assert kept.stdout == b""
    assert states(tenant) == [(1, "remote", "waiting")], "what is deployed stays"


def test_neither_arguments_nor_environment_hold_a_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    class Popen(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, arguments: Any, **more: Any) -> None:
            if "fetch" in arguments:
                seen.update(arguments=arguments, env=more["env"])
                file = more["env"]["TMPDIR"]
                modes = {oct(each.stat().st_mode & 0o777) for each in Path(file).iterdir()}
                seen["modes"] = modes | {oct(Path(file).stat().st_mode & 0o777)}
            super().__init__(arguments, **more)

    monkeypatch.setattr(subprocess, "Popen", Popen)
    with local(), pytest.raises(FetchFailed):
        fetch(
            tenant_id=os.urandom(16),  # type: ignore[arg-type]
            address=read_address("http://127.0.0.1:9/owner/x.git"),
            ref_kind="branch",
            ref="main",
            credential=Credential(login="me", password="s3cret"),
        )
    assert "s3cret" not in str(seen["arguments"]) + str(seen["env"])
    assert seen["modes"] == {"0o600", "0o700"}
    assert not Path(seen["env"]["TMPDIR"]).exists()


def test_an_internal_address_is_never_connected_to(tenant: Tenant, tmp_path: Path) -> None:
    commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})
    with git_host(tmp_path / "host") as host:
        make_remote(tenant, host.url)
        with override_settings(GIT_NETWORKS=(ip_network("10.9.8.0/24"),)):
            go_errands(tenant)
        assert (host.fetches, bundles(tenant)) == (0, [])
        assert "internal address" in remote_of(tenant).message
        # The control: with the network allowed, the same errand finds it.
        make_due(tenant)
        go_errands(tenant)
        assert (host.fetches, len(bundles(tenant))) == (1, 1)


def test_git_goes_to_the_address_that_was_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name means nothing to git: it would not resolve at all."""
    commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})
    monkeypatch.setattr(fetching, "resolve", lambda **_: ["127.0.0.1"])
    with git_host(tmp_path / "host") as host:
        port = host.url.split(":")[2].split("/")[0]
        _, commit = fetch(
            tenant_id="pinned",  # type: ignore[arg-type]
            address=read_address(f"http://no-such-host.invalid:{port}/owner/dags.git"),
            ref_kind="branch",
            ref="main",
            credential=Credential(),
        )
    assert len(commit) == 40


def test_a_redirect_is_not_followed(tenant: Tenant, tmp_path: Path) -> None:
    commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})
    with git_host(tmp_path / "host") as target, git_host(tmp_path / "host") as host:
        host.redirect_to = target.url.removesuffix("/owner/dags.git")
        make_remote(tenant, host.url)
        go_errands(tenant)
        assert (target.fetches, bundles(tenant)) == (0, [])
    assert remote_of(tenant).state == "failing"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"README.md": b""}, ""),
        ({"dags/link": None}, "symbolic link"),
        ({"requirements.txt": b"-r other.txt"}, "reads another file"),
    ],
)
def test_the_same_refusals_as_of_a_push(
    tenant: Tenant, tmp_path: Path, files: dict[str, bytes | None], said: str
) -> None:
    clone = origin(tmp_path / "host")
    for path, content in files.items():
        place = clone.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.symlink_to("/etc/passwd")
        else:
            place.write_bytes(content)
    commit_and_push(clone, {})
    with git_host(tmp_path / "host") as host:
        make_remote(tenant, host.url)
        go_errands(tenant)
        make_due(tenant)
        go_errands(tenant)
    remote = remote_of(tenant)
    if said:
        assert (remote.state, bundles(tenant)) == ("refused", [])
        assert said in remote.message
    else:
        assert remote.state == "ok"


def test_a_submodule_is_refused_and_not_fetched(tenant: Tenant, tmp_path: Path) -> None:
    clone = origin(tmp_path / "host")
    sha = clone.commit({"dags/a.py": dag_file("a")})
    clone.git("update-index", "--add", "--cacheinfo", f"160000,{sha},vendor")
    clone.git("commit", "-q", "-m", "submodule")
    clone.push("HEAD:refs/heads/main")
    with git_host(tmp_path / "host") as host:
        make_remote(tenant, host.url)
        go_errands(tenant)
    assert "submodule" in remote_of(tenant).message


def test_a_commit_that_is_too_large_is_cut_off(tenant: Tenant, tmp_path: Path) -> None:
    clone = origin(tmp_path / "host")
    commit_and_push(clone, {"dags/a.py": dag_file("a"), "data.bin": os.urandom(3_000_000)})
    with git_host(tmp_path / "host") as host, override_settings(BUNDLE_MAX_BYTES=1_000_000):
        make_remote(tenant, host.url)
        go_errands(tenant)
        assert remote_of(tenant).state == "failing"
        stored = Path(tmp_path / "git" / "remotes")
        assert sum(each.stat().st_size for each in stored.rglob("*") if each.is_file()) < 1_200_000
        clone.git("rm", "-q", "data.bin")
        commit_and_push(clone, {})
        make_due(tenant)
        go_errands(tenant)
    assert (remote_of(tenant).state, len(bundles(tenant))) == ("ok", 1)


def test_a_host_that_hangs_is_left(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as quiet, local(), pytest.raises(FetchFailed, match="within"):
        fetch(
            tenant_id="hang",  # type: ignore[arg-type]
            address=read_address(f"http://127.0.0.1:{quiet.getsockname()[1]}/owner/x.git"),
            ref_kind="branch",
            ref="main",
            credential=Credential(),
            seconds=0.5,
        )


def test_a_deploy_key_goes_by_ssh_with_the_host_key_that_was_named(
    tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for ssh notes how it is called and runs git's own server side here."""
    clone = origin(tmp_path / "host")
    commit_and_push(clone, {"dags/a.py": dag_file("a")})
    stand_in = tmp_path / "bin" / "ssh"
    stand_in.parent.mkdir()
    stand_in.write_text(
        "#!/bin/sh\n"
        f'echo "$@" > {tmp_path}/called\n'
        'for word; do case "$word" in IdentityFile=*) cat "${word#*=}";; UserKnownHostsFile=*) cat "${word#*=}";; esac; done'
        f" > {tmp_path}/files\n"
        f"exec git -c safe.directory='*' upload-pack {tmp_path}/host/owner/dags.git\n"
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stand_in.parent}:{os.environ['PATH']}")
    with local():
        make_remote(
            tenant,
            "ssh://git@127.0.0.1:2222/owner/dags.git",
            credential={"key": "-----BEGIN OPENSSH PRIVATE KEY-----\nabc"},
            auth="key",
            known_hosts="[git.example.com]:2222 ssh-ed25519 QUJD comment",
        )
        go_errands(tenant)
    assert (remote_of(tenant).message, len(bundles(tenant))) == ("", 1)
    called = (tmp_path / "called").read_text()
    for option in ("BatchMode=yes", "StrictHostKeyChecking=yes", "HostName=127.0.0.1", "ProxyCommand=none"):
        assert option in called
    files = (tmp_path / "files").read_text()
    assert "BEGIN OPENSSH PRIVATE KEY" in files
    assert "aerodrome-remote ssh-ed25519 QUJD" in files
    assert "abc" not in called


def test_a_failing_host_is_asked_less_and_less_often(tenant: Tenant) -> None:
    with local():
        make_remote(tenant, "http://127.0.0.1:9/owner/dags.git", poll_seconds=60)
        waits = []
        for _ in range(8):
            make_due(tenant)
            go_errands(tenant)
            waits.append(wait_seconds(remote_of(tenant)))
    assert waits == sorted(waits)
    assert (waits[0] >= 120, waits[-1] <= 3600 * 1.1) == (True, True)
    assert remote_of(tenant).failures == 8


def test_what_was_changed_meanwhile_is_looked_at_again(tenant: Tenant, tmp_path: Path) -> None:
    """The remote is changed while somebody is on the way: what they bring is of the old place."""
    commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})
    with git_host(tmp_path / "host") as host:
        row = make_remote(tenant, host.url)

        def opener(**_: Any) -> Credential:
            with tenant_scope(tenant.id):
                type(row).objects.update(folder="elsewhere", updated_at=utc_now())
            return Credential()

        now = utc_now()
        assert fetch_due(tenant_id=tenant.id, ref=row.id, now=now, opener=opener) == now
    assert bundles(tenant) == []


def test_hooks_and_configuration_of_a_repository_do_nothing(tenant: Tenant, tmp_path: Path) -> None:
    """Nothing is checked out: the store has no work tree, no hook runs, and git's own files stay ours."""
    commit_and_push(
        origin(tmp_path / "host"),
        {
            "dags/a.py": dag_file("a"),
            ".gitattributes": b"*.py filter=evil\n",
            ".gitmodules": b'[submodule "x"]\n\tpath = x\n\turl = file:///etc\n',
        },
    )
    with git_host(tmp_path / "host") as host:
        make_remote(tenant, host.url)
        go_errands(tenant)
    store = tmp_path / "git" / "remotes" / f"{tenant.id}.git"
    assert run_git("config", "--local", "--list", repository=store).count("filter") == 0
    assert not list(store.glob("hooks/*"))
    assert len(bundles(tenant)) == 1


def test_an_errand_of_another_tenants_remote_finds_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    with local():
        row = make_remote(tenant, "http://127.0.0.1:9/owner/dags.git")
        later = fetch_due(
            tenant_id=other_tenant.id, ref=row.id, now=utc_now(), opener=lambda **_: Credential()
        )
    assert later is None
    assert remote_of(tenant).failures == 0
