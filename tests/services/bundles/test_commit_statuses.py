"""Git hosts are told what became of a commit: each in its own form, later if they are away, never in the way."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.test import override_settings

from controlplane.bundles import app_tokens
from controlplane.bundles.app_tokens import installation_token, sign_jwt
from controlplane.bundles.fetch import FetchFailed
from controlplane.bundles.hosts.contract import Told
from controlplane.bundles.hosts.known import HOSTS
from controlplane.bundles.remote_address import read_address
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.commit_status import CommitStatus
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bundles import dag_file, failure, parsed
from tests.support.deployments import states, store_parsed
from tests.support.git_server import GitHostServer, git_host
from tests.support.remotes import commit_and_push, go_errands, make_due, make_remote, origin
from tests.support.specs import chain

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = Told("owner/dags", "c" * 40, "failure", "x" * 400, "https://aero.example/t/alpha/")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[GitHostServer]:
    commit_and_push(origin(tmp_path / "host"), {"dags/a.py": dag_file("a")})
    with git_host(tmp_path / "host") as started, override_settings(GIT_DIR=tmp_path / "git"):
        yield started


def fetched(tenant: Tenant, host: GitHostServer, kind: str = "gitea", **fields: Any) -> BundleVersion:
    values = {"credential": {"password": "t0ken"}, "login": "me", "host_kind": kind, "writes_statuses": True}
    make_remote(tenant, host.url, **{**values, **fields})
    go_errands(tenant, "fetch")
    with tenant_scope(tenant.id):
        return BundleVersion.objects.get()


def statuses(tenant: Tenant) -> list[CommitStatus]:
    with tenant_scope(tenant.id):
        return list(CommitStatus.objects.order_by("id"))


def test_each_host_is_told_in_its_own_form() -> None:
    asked = {name: each.status_request(told=TOLD, login="me", token="t0ken") for name, each in HOSTS.items()}
    assert {name: request.path for name, request in asked.items()} == {
        "github": f"/repos/owner/dags/statuses/{'c' * 40}",
        "gitlab": f"/projects/owner%2Fdags/statuses/{'c' * 40}",
        "bitbucket": f"/repositories/owner/dags/commit/{'c' * 40}/statuses/build",
        "gitea": f"/repos/owner/dags/statuses/{'c' * 40}",
    }
    assert {name: request.body["state"] for name, request in asked.items()} == {
        "github": "failure",
        "gitlab": "failed",
        "bitbucket": "FAILED",
        "gitea": "failure",
    }
    assert all(len(request.body["description"]) <= 255 for request in asked.values())
    assert len(asked["github"].body["description"]) == 140
    assert asked["github"].headers["Authorization"] == "Bearer t0ken"
    assert asked["gitlab"].headers == {"PRIVATE-TOKEN": "t0ken"}
    assert asked["gitea"].headers == {"Authorization": "token t0ken"}
    basic = base64.b64encode(b"me:t0ken").decode()
    assert asked["bitbucket"].headers == {"Authorization": f"Basic {basic}"}
    bases = {name: each.api_base(scheme="https", host="git.example.com") for name, each in HOSTS.items()}
    assert bases["github"] == "https://git.example.com/api/v3"
    assert HOSTS["github"].api_base(scheme="https", host="github.com") == "https://api.github.com"


def test_pending_and_then_success(tenant: Tenant, host: GitHostServer) -> None:
    bundle = fetched(tenant, host)
    assert go_errands(tenant, "status") == 1
    store_parsed(tenant, bundle, parsed("dags/a.py", chain("a", 1)))
    assert go_errands(tenant, "status") == 1
    assert [body["state"] for _, _, body in host.api_calls] == ["pending", "success"]
    path, headers, body = host.api_calls[-1]
    assert path == f"/api/v1/repos/owner/dags/statuses/{bundle.commit_sha}"
    assert headers["authorization"] == "token t0ken"
    assert (body["context"], body["description"]) == ("aerodrome", "1 DAGs deployed")
    assert body["target_url"].endswith("/t/alpha/")
    assert all(row.told_at for row in statuses(tenant))


def test_a_file_that_fails_is_told_with_its_name(tenant: Tenant, host: GitHostServer) -> None:
    bundle = fetched(tenant, host)
    bad = parsed("dags/a.py", failures=[failure("dags/a.py", "NameError: no such name")])
    store_parsed(tenant, bundle, bad)
    go_errands(tenant, "status")
    assert [body["state"] for _, _, body in host.api_calls] == ["failure"], "the pending one came too late"
    assert host.api_calls[0][2]["description"] == "dags/a.py: NameError: no such name"


def test_a_host_that_is_away_is_told_later_and_holds_nothing_up(tenant: Tenant, host: GitHostServer) -> None:
    host.api_answers = [(503, {}), (500, {}), (201, {})]
    bundle = fetched(tenant, host)
    store_parsed(tenant, bundle, parsed("dags/a.py", chain("a", 1)))
    assert states(tenant) == [(1, "remote", "active")], "nobody waited"
    for _ in range(3):
        make_due(tenant)
        go_errands(tenant, "status")
    last = statuses(tenant)[-1]
    assert (last.tries, bool(last.told_at), last.given_up) == (3, True, False)
    assert len(host.api_calls) == 3


def test_what_will_never_be_taken_is_given_up_with_the_reason(tenant: Tenant, host: GitHostServer) -> None:
    host.api_answers = [(403, {"message": "no"})]
    fetched(tenant, host)
    go_errands(tenant, "status")
    make_due(tenant)
    go_errands(tenant, "status")
    [row] = statuses(tenant)
    assert (row.given_up, row.message, row.tries) == (True, "the host answered 403", 1)
    assert "t0ken" not in row.message


def test_it_is_tried_eight_times_at_most(tenant: Tenant, host: GitHostServer) -> None:
    host.api_answers = [(503, {})] * 20
    fetched(tenant, host)
    for _ in range(12):
        make_due(tenant)
        go_errands(tenant, "status")
    [row] = statuses(tenant)
    assert (row.tries, row.given_up) == (8, True)


def test_nothing_is_told_that_was_not_asked_for(tenant: Tenant, host: GitHostServer) -> None:
    bundle = fetched(tenant, host, writes_statuses=False)
    store_parsed(tenant, bundle, parsed("dags/a.py", chain("a", 1)))
    assert (statuses(tenant), host.api_calls) == ([], [])


def test_a_refused_commit_is_told_as_a_failure(tenant: Tenant, tmp_path: Path) -> None:
    commit_and_push(origin(tmp_path / "host"), {"requirements.txt": b"-r other.txt"})
    with git_host(tmp_path / "host") as host, override_settings(GIT_DIR=tmp_path / "git"):
        make_remote(tenant, host.url, credential={"password": "x"}, host_kind="gitlab", writes_statuses=True)
        go_errands(tenant)
        go_errands(tenant, "status")
    assert host.api_calls[0][2]["state"] == "failed"
    assert "reads another file" in host.api_calls[0][2]["description"]


def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(made: rsa.RSAPrivateKey) -> str:
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_an_app_signs_for_nine_minutes_with_its_own_key() -> None:
    made = key()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    head, claims, signature = sign_jwt(app_id="12", key=made, now=now).split(".")

    def plain(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    made.public_key().verify(plain(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), SHA256())
    assert json.loads(plain(head)) == {"alg": "RS256", "typ": "JWT"}
    told = json.loads(plain(claims))
    assert (told["iss"], told["exp"] - told["iat"]) == ("12", 600)


def test_an_installation_fetches_and_tells_with_a_token_of_its_own(
    tenant: Tenant, host: GitHostServer
) -> None:
    made = pem(key())
    host.password = "ghs_installed"
    host.api_answers = [(201, {"token": "ghs_installed", "expires_at": "2999-01-01T00:00:00Z"})]
    credential = {"app_id": "12", "installation_id": "34", "key": made}
    bundle = fetched(tenant, host, "github", auth="app", credential=credential)
    go_errands(tenant, "status")
    first, second = host.api_calls
    assert first[0] == "/api/v3/app/installations/34/access_tokens"
    assert first[1]["authorization"].startswith("Bearer ey")
    assert first[2]["permissions"] == {"contents": "read", "statuses": "write"}
    assert second[1]["authorization"] == "Bearer ghs_installed", "kept until it ends: asked for once"
    assert bundle.source == "remote"


def test_an_installation_that_gives_no_token_is_a_failing_remote(tenant: Tenant, host: GitHostServer) -> None:
    app_tokens._kept.clear()
    host.api_answers = [(401, {"message": "bad credentials"})] * 2
    credential = {"app_id": "12", "installation_id": "34", "key": pem(key())}
    with pytest.raises(FetchFailed, match="answered 401"):
        installation_token(
            remote_id=uuid4(),
            changed_at=datetime(2026, 1, 1, tzinfo=UTC),
            address=read_address(host.url),
            credential=credential,
            now=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=1),
        )
    assert app_tokens._kept == {}
