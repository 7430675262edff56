"""Another tenant's owner, with every token they have, at every address of the first tenant's journey: no."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import pytest

from launcher.demo.http import DemoRefused, Door
from tests.support.git_client import Clone
from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant, with_token

DAG = """
    from airflow.sdk import dag, task

    @dag(schedule=None)
    def private():
        @task
        def tells():
            print("the private words")
            return "the private value"

        tells()

    private()
"""


@dataclass(frozen=True)
class Scene:
    owner: StackTenant
    stranger: StackTenant
    run: Run
    bundle: str


@pytest.fixture(scope="module")
def scene(_shared_stack: Stack) -> Scene:
    owner, stranger = _shared_stack.sign_up(), _shared_stack.sign_up()
    owner.deploy({"dags/private.py": DAG}, "private")
    owner.call("POST", "/variables", {"key": "colour", "value": "private red"})
    owner.call(
        "POST", "/connections", {"connection_id": "store", "conn_type": "http", "host": "private.example"}
    )
    owner.call("POST", "/pools", {"name": "narrow", "slots": 1})
    run = owner.trigger("private")
    assert owner.until_over(run) == ["success"]
    bundles = owner.login.portal.call("GET", f"/api/portal/v1/tenants/{owner.slug}/bundles")["bundles"]
    return Scene(owner, stranger, run, bundles[0]["id"])


def _addresses(scene: Scene) -> list[tuple[str, str, Any]]:
    api, portal = scene.owner.login.api_path, f"/api/portal/v1/tenants/{scene.owner.slug}"
    run = f"{api}/dags/private/dagRuns/{scene.run.run_id}"
    one = f"{run}/taskInstances/tells"
    reads = [
        f"{api}/dags",
        f"{api}/dags/private",
        f"{api}/dags/private/details",
        f"{api}/dags/private/tasks",
        f"{api}/dagSources/private",
        f"{api}/dags/private/dagRuns",
        run,
        f"{run}/taskInstances",
        one,
        f"{one}/logs/1",
        f"{one}/tries",
        f"{one}/xcomEntries/return_value",
        f"{api}/importErrors",
        f"{api}/eventLogs",
        f"{api}/variables",
        f"{api}/variables/colour",
        f"{api}/connections",
        f"{api}/connections/store",
        f"{api}/pools/narrow",
        portal,
        f"{portal}/tokens",
        f"{portal}/runtimes",
        f"{portal}/bundles",
        f"{portal}/bundles/{scene.bundle}",
    ]
    writes = [
        ("POST", f"{api}/dags/private/dagRuns", {"logical_date": None}),
        ("PATCH", f"{api}/dags/private", {"is_paused": True}),
        ("POST", f"{api}/variables", {"key": "planted", "value": "by a stranger"}),
        ("PATCH", f"{api}/variables/colour", {"key": "colour", "value": "blue"}),
        ("DELETE", f"{api}/variables/colour", None),
        ("DELETE", f"{api}/connections/store", None),
        ("POST", f"{api}/pools", {"name": "planted", "slots": 1}),
        ("DELETE", f"{api}/pools/narrow", None),
        ("POST", f"{portal}/tokens", {"name": "planted", "role": "Admin"}),
    ]
    return [("GET", path, None) for path in reads] + writes


def _status(door: Door, method: str, path: str, body: Any) -> int:
    try:
        door.call(method, path, body)
    except DemoRefused as refused:
        cause = refused.__cause__
        assert isinstance(cause, urllib.error.HTTPError), refused
        assert "private red" not in str(refused) and "private value" not in str(refused)
        return cause.code
    return 200


def _doors(scene: Scene) -> dict[str, Door]:
    """The stranger's ways in: signed in to their own API and portal, their Git token, and nothing at all."""
    base = scene.stranger.door.base_url
    return {
        "api": scene.stranger.door,
        "portal": scene.stranger.login.portal,
        "git token": Door(base_url=base, token=scene.stranger.login.git_token),
        "nothing": Door(base_url=base),
        "made up": Door(base_url=base, token="aero_made-up"),
    }


def test_the_owner_reads_every_address(scene: Scene) -> None:
    """Without this the refusals below would prove nothing."""
    for method, path, body in _addresses(scene):
        if method == "GET":
            door = scene.owner.login.portal if path.startswith("/api/portal") else scene.owner.door
            assert _status(door, method, path, body) == 200, path


@pytest.mark.parametrize("who", ["api", "portal", "git token", "nothing", "made up"])
def test_a_stranger_is_refused_everywhere(scene: Scene, who: str) -> None:
    """And exactly as for a tenant that does not exist. (Airflow's word for a token it cannot read is 403.)"""
    door = _doors(scene)[who]
    refused = {401, 403} if who in ("git token", "made up") else {401, 404}
    for method, path, body in _addresses(scene):
        answer = _status(door, method, path, body)
        assert answer in refused, (method, path, answer)
        assert answer == _status(door, method, path.replace(scene.owner.slug, "no-such-tenant"), body), path


def test_nothing_was_changed(scene: Scene) -> None:
    owner = scene.owner
    assert owner.call("GET", "/variables/colour")["value"] == "private red"
    assert owner.call("GET", "/variables")["total_entries"] == 1
    assert owner.dags()["private"]["is_paused"] is False
    assert len(owner.call("GET", "/dags/private/dagRuns")["dag_runs"]) == 1


def test_absent_and_forbidden_look_the_same(scene: Scene) -> None:
    real = scene.owner.login.api_path
    assert _body(scene, f"{real}/dags") == _body(scene, "/t/no-such-tenant/api/v2/dags")


def _body(scene: Scene, path: str) -> tuple[int, bytes]:
    request = urllib.request.Request(
        scene.stranger.door.base_url + path,
        headers={"Authorization": f"Bearer {scene.stranger.door.token}"},
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as answer:
        return answer.code, answer.read()


def test_a_strangers_git_is_refused(scene: Scene) -> None:
    folder = scene.stranger.stack.data.parent / f"strange-{scene.stranger.slug}"
    url = with_token(scene.owner.login.git_remote, scene.stranger.login.git_token)
    clone = Clone(folder=folder, url=url)
    clone.commit({"dags/private.py": b"print('taken over')\n"})
    assert clone.push().status != 0
    fetched = clone.git("fetch", url, "main")
    assert fetched.status != 0
    assert "private words" not in fetched.said
    owners = with_token(scene.owner.login.git_remote, scene.owner.login.git_token)
    assert clone.git("fetch", owners, "main").status == 0, "the same command works with the owner's token"
