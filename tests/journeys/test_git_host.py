"""A commit at a Git host outside: a signed webhook, fetched by TLS, in force, told back; and taken back when its
canary fails. The stack speaks to a real Git server with a certificate and a password of its own."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.git_client import Clone
from tests.support.git_server import GitHostServer, git_host
from tests.support.remotes import commit_and_push, origin
from tests.support.stack import AUTHORITY
from tests.support.stack_tenant import StackTenant
from tests.support.webhooks import Delivery, golden

DAG = """
from airflow.sdk import dag, task


@dag(schedule=None)
def delivered():
    @task
    def which():
        {body}

    which()


delivered()
"""
HOUR = 3600


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return origin(tmp_path / "host")


@pytest.fixture
def host(clone: Clone, tmp_path: Path) -> Iterator[GitHostServer]:
    tls = AUTHORITY.server_context(name="127.0.0.1", folder=tmp_path)
    with git_host(tmp_path / "host", tls=tls) as started:
        started.password = "t0ken"
        yield started


def portal(tenant: StackTenant, method: str, path: str, body: Any = None) -> Any:
    return tenant.login.portal.call(method, f"/api/portal/v1/tenants/{tenant.slug}/{path}", body)


def commit(clone: Clone, body: str) -> str:
    return commit_and_push(clone, {"dags/delivered.py": DAG.format(body=body).encode()})


def deliver(url: str, delivery: Delivery) -> tuple[int, dict[str, Any]]:
    """As the host does: one POST of raw bytes."""
    request = urllib.request.Request(url, data=delivery.body, headers=delivery.headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def pushed(commit_sha: str) -> Delivery:
    return golden("github_push").changed(lambda told: told.update(after=commit_sha), delivery=commit_sha)


def active(tenant: StackTenant) -> dict[str, Any]:
    [found] = portal(tenant, "GET", "deployments?state=active")["deployments"]
    return dict(found)


def test_a_commit_is_fetched_deployed_told_of_and_taken_back_when_its_canary_fails(
    tenant: StackTenant, host: GitHostServer, clone: Clone
) -> None:
    first = commit(clone, "return 1")
    remote = {
        "url": host.url, "ref": "main", "auth": "token", "login": "me", "password": host.password,
        "host_kind": "github", "writes_statuses": True, "poll_seconds": HOUR,
    }  # fmt: skip
    portal(tenant, "PUT", "remote", remote)
    tenant.until_listed("delivered")
    until_told = lambda word: tenant.stack.until(lambda: word in host.told, f"{word} to be told")  # noqa: E731
    until_told(f"success {first}")
    hook = portal(tenant, "POST", "remote/webhook-secret")

    # A commit that nobody tells of is not fetched: the next look is an hour away. Nor is a forged delivery believed.
    second = commit(clone, "return 2")
    before = len(host.told)
    forged = deliver(hook["webhook_url"], pushed(second).signed("a guess"))
    assert (forged[0], forged[1]["code"]) == (401, "webhook-forged")
    assert (host.told[before:], active(tenant)["number"]) == ([], 1)

    answer = deliver(hook["webhook_url"], pushed(second).signed(hook["secret"]))
    assert answer == (202, {"accepted": True, "reason": "the remote is being looked at"})
    until_told(f"success {second}")
    said = host.told[before:]
    assert said[0] == "fetch"
    assert [word for word in said if word.endswith(second)] in (
        [f"pending {second}", f"success {second}"],
        [f"success {second}"],  # the last word overtook the first, which is then not told any more
    )
    now = active(tenant)
    assert (now["number"], now["reason"], now["bundle"]["commit_sha"]) == (2, "remote", second)
    run = tenant.trigger("delivered")
    assert tenant.until_over(run) == ["success"]
    assert tenant.xcom(run, "which") == 2
    assert (
        deliver(hook["webhook_url"], pushed(second).signed(hook["secret"]))[1]["code"] == "webhook-replayed"
    )

    # From here on each commit is tried by a run before it may stay.
    portal(tenant, "PATCH", "deployment-mode", {"canary": {"dag_id": "delivered"}})
    third = commit(clone, "raise ValueError('three is wrong')")
    assert deliver(hook["webhook_url"], pushed(third).signed(hook["secret"]))[0] == 202
    until_told(f"failure {third}")
    assert f"success {third}" not in host.told
    now = active(tenant)
    assert (now["number"], now["reason"], now["of_number"]) == (4, "rollback", 2)
    tried = portal(tenant, "GET", "deployments/3")["canary"]
    assert (tried["state"], tried["rolled_back_by"]) == ("failed", 4)
    assert tried["message"] == (
        "the run canary__3 of DAG 'delivered' failed in which; rolled back to deployment 2"
    )
    run = tenant.trigger("delivered")
    assert tenant.until_over(run) == ["success"]
    assert tenant.xcom(run, "which") == 2

    # And what is mended comes, with its canary passed.
    fourth = commit(clone, "return 4")
    assert deliver(hook["webhook_url"], pushed(fourth).signed(hook["secret"]))[0] == 202
    until_told(f"success {fourth}")
    tried = active(tenant)
    assert (tried["number"], tried["canary"]["state"]) == (5, "passed")
