"""Every role at every endpoint: the paths are the resolver's, the answers are those of real requests.

What an endpoint asks for is heard by listening to the access itself while an Owner knocks; an endpoint that
asks for nothing, and is not on the reviewed list, fails. Then each role knocks at each endpoint: 403 if the
published table (`tenants.permissions`) says no, anything else if it says yes. A stranger gets what an absent
tenant gets. The doors of agents and tasks are for no person and no API token.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from api.agent.gateway import CALLS, Gateway
from controlplane.foundation.clock import utc_now
from tenants.access import Access
from tenants.access_tokens import issue_access_token
from tenants.models.membership import ROLES, Membership
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.permissions import ALL, PERMISSIONS
from tenants.scope import tenant_scope
from tenants.tokens import issue_token
from tests.support.actors import Actor, Answer, Door
from tests.support.factories import make_person
from tests.tenancy.test_routes import METHODS, OPEN, clean, raw_paths

OTHER_RULES = ("api/portal/v1/organisations", "api/portal/v1/operators/")
"""Doors with people and roles of their own: organisations', and the platform's operators'."""
FOR_NO_PERSON = ("execution/", "git/", "t/<slug>/git/")
"""Doors of tasks and of Git: a task's own token, or a Git token, opens them."""
SIGN_IN = {
    "t/<slug>/auth/token": "asks for a password",
    "t/<slug>/auth/token/cli": "asks for a password",
    "t/<slug>/auth/token/login": "what no installation turns on",
    "t/<slug>/api/v2/auth/login": "leads to the portal's sign-in",
    "t/<slug>/api/v2/auth/logout": "leads to the portal's sign-in",
}
"""Reviewed: paths that ask who somebody is, and not what they may do."""
CLOSED = {
    "GET t/<slug>/api/v2/config": "nobody reads the configuration here, as in Airflow by default",
    "GET t/<slug>/api/v2/config/section/<section>/option/<option>": "the same",
    "POST t/<slug>/api/v2/connections/defaults": "no installation makes Airflow's example connections",
}
"""Reviewed: what no role may, whatever the table says."""
OWN_LOOK_UP = {
    "api/portal/v1/tenants/<slug>/deletion": "DELETE undoes a deletion: the tenant is not active, only Owners find it",
}
"""Reviewed: paths that look for the tenant otherwise, and say 404 to all whom it does not concern."""
READS_BY_POST = {
    "t/<slug>/api/v2/dags/<dag_id>/favorite": "the caller's own list of favourites",
    "t/<slug>/api/v2/dags/<dag_id>/unfavorite": "the caller's own list of favourites",
    "t/<slug>/api/v2/dags/<dag_id>/dagRuns/list": "a list whose filters are a body",
    "t/<slug>/api/v2/dags/<dag_id>/dagRuns/<dag_run_id>/taskInstances/list": "a list whose filters are a body",
    "api/portal/v1/tenants/<slug>/backfills/preview": "what would be, and changes nothing",
}
"""Reviewed: requests with a body that only read."""


@dataclass(frozen=True)
class Operation:
    """`asked`: the permissions it asked an Owner for, in that order."""

    method: str
    path: str
    asked: tuple[str, ...]


def address(path: str, slug: str) -> str:
    """A path of the resolver, filled with the names of nothing: who may ask for it is asked before it is looked
    for, and a role that may hears 404 at worst."""

    def part(match: re.Match[str]) -> str:
        kind, name = match[1] or "str", match[2]
        if name == "slug":
            return slug
        return {"uuid": str(UUID(int=7)), "int": "7", "signed": "7"}.get(kind, "absent")

    path = re.sub(r"\(\?P<()(\w+)>[^)]*\)", part, path)
    return "/" + re.sub(r"<(?:(\w+):)?(\w+)>", part, path).replace("^", "").replace("$", "").replace(
        "\\.", "."
    )


class Ear:
    """Listens to what is asked of an access."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: list[str] = []
        monkeypatch.setattr(Access, "may", self._listening(Access.may))  # `admit` asks it first

    def _listening(self, ask: Callable[[Access, str], bool]) -> Callable[[Access, str], bool]:
        def asked(access: Access, permission: str) -> bool:
            self.heard.append(permission)
            return ask(access, permission)

        return asked


class People:
    """A member in each role, whose place is mended after each request that may have changed it."""

    def __init__(self, tenant: Tenant, actor: Callable[[str], Actor]) -> None:
        self.tenant = tenant
        self.actors = {role: actor(role) for role in ROLES}

    def knock(self, role: str, method: str, path: str, url: str) -> Answer:
        person = self.actors[role]
        token = (person.portal() if path.startswith("api/portal/") else person.v2()).token
        answer = Door(prefix="", token=token).call(method, url, None if method == "GET" else {})
        if method != "GET" and answer.status < 400:
            self._mend()
        return answer

    def _mend(self) -> None:
        Tenant.objects.using("auth").filter(id=self.tenant.id).update(state="active")
        for role, person in self.actors.items():
            Membership.objects.using("auth").update_or_create(
                tenant_id=self.tenant.id, user_id=person.user.id, defaults={"role": role}
            )


@pytest.fixture
def people(tenant: Tenant, actor: Callable[[str], Actor]) -> People:
    return People(tenant, actor)


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    return Ear(monkeypatch)


def tenant_paths() -> list[str]:
    """Paths of a tenant that people knock at, as the resolver has them."""
    found = {path: clean(path) for path in raw_paths()}
    return [
        p
        for p, shown in found.items()
        if "<slug>" in shown and not shown.startswith(FOR_NO_PERSON + OTHER_RULES)
    ]


def operations(ear: Ear, people: People) -> tuple[list[Operation], list[str]]:
    """What there is to ask for, as an Owner finds it; and the endpoints that ask for nothing."""
    found, silent = [], []
    for path in tenant_paths():
        for method in METHODS:
            ear.heard.clear()
            answer = people.knock("Owner", method, path, address(path, people.tenant.slug))
            if answer.status == 405:
                continue
            if ear.heard:
                found.append(Operation(method, path, tuple(dict.fromkeys(ear.heard))))
            elif clean(path) not in OPEN | SIGN_IN | OWN_LOOK_UP:
                silent.append(f"{method} {clean(path)}: {answer.status} {answer.body}"[:200])
    return found, silent


def test_each_role_gets_what_the_table_says_and_no_endpoint_asks_for_nothing(
    ear: Ear, people: People
) -> None:
    found, silent = operations(ear, people)
    assert not silent, "endpoints without a permission:\n" + "\n".join(silent)
    assert len(found) > 100
    wrong = [f"{one.path}: {name}" for one in found for name in one.asked if name not in ALL]
    for one in found:
        for role in reversed(ROLES):
            ear.heard.clear()
            answer = people.knock(role, one.method, one.path, address(one.path, people.tenant.slug))
            refused = [name for name in ear.heard if name not in PERMISSIONS[role]]
            first_is_missing = one.asked[0] not in PERMISSIONS[role]
            first_is_missing |= f"{one.method} {clean(one.path)}" in CLOSED
            fine = answer.status == 403 if first_is_missing else bool(refused) or answer.status != 403
            if (
                not fine
                or answer.status in (401, 405)
                or answer.status >= 500
                or one.asked[0] not in ear.heard
            ):
                wrong.append(f"{role}: {one.method} {clean(one.path)} {one.asked}: {answer.status}")
    assert not wrong, "\n".join(wrong)


def test_no_change_asks_only_for_permissions_to_read(ear: Ear, people: People) -> None:
    found, _ = operations(ear, people)
    reads = {
        f"{one.method} {clean(one.path)} asks for {one.asked}"
        for one in found
        if one.method != "GET"
        and all(name.endswith(".read") for name in one.asked)
        and clean(one.path) not in READS_BY_POST
    }
    assert reads == set()
    assert set(READS_BY_POST) <= {clean(path) for path in raw_paths()}


def test_a_stranger_hears_what_is_said_of_an_absent_tenant(tenant: Tenant, stranger: Actor) -> None:
    wrong = []
    for path in tenant_paths():
        if clean(path) in OPEN | SIGN_IN:
            continue
        door = stranger.portal() if path.startswith("api/portal/") else stranger.v2()
        knocker = Door(prefix="", token=door.token)
        for method in METHODS:
            body = None if method == "GET" else {}
            here = knocker.call(method, address(path, tenant.slug), body)
            absent = knocker.call(method, address(path, "nosuch"), body)
            if here.status not in (404, 405) or here.status != absent.status:
                wrong.append(f"{method} {path}: {here.status}, of an absent tenant {absent.status}")
            if str(here.body).replace(tenant.slug, "nosuch") != str(absent.body):
                wrong.append(f"{method} {path}: {here.body}, of an absent tenant {absent.body}")
    assert not wrong, "\n".join(wrong)


def test_doors_of_tasks_and_git_open_for_no_person_and_no_api_token(tenant: Tenant, people: People) -> None:
    with tenant_scope(tenant.id):
        machine = issue_token(kind="api", name="x", role="Owner", created_by="x", now=utc_now()).text
    owner = people.actors["Owner"]
    tokens = {"portal": owner.portal().token, "airflow": owner.v2().token, "api token": machine}
    wrong = []
    paths = [p for p in raw_paths() if clean(p).startswith(FOR_NO_PERSON) and clean(p) not in OPEN]
    assert len(paths) > 30
    for path in paths:
        for who, token in tokens.items():
            for method in METHODS:
                body = None if method == "GET" else {}
                answer = Door(prefix="", token=token).call(method, address(path, tenant.slug), body)
                if answer.status not in (401, 403, 404, 405):
                    wrong.append(f"{who}: {method} {path}: {answer.status}")
    assert not wrong, "\n".join(wrong)


def test_operators_doors_are_not_there_for_members_of_any_role(tenant: Tenant, people: People) -> None:
    paths = [p for p in raw_paths() if clean(p).startswith("api/portal/v1/operators/")]
    assert len(paths) >= 6
    operator = make_person("olga")
    User.objects.using("auth").filter(id=operator.id).update(is_operator=True)
    for path in paths:
        url = address(path, tenant.slug)
        for method in METHODS:
            body = None if method == "GET" else {}
            told = [people.knock(role, method, path, url) for role in ROLES]
            opened = Door(prefix="", token=portal_token(operator)).call(method, url, body)
            assert {answer.status for answer in told} == {405 if opened.status == 405 else 404}, (
                method,
                path,
            )
            assert opened.status == 405 or opened.body != told[0].body, (method, path)
            limited = issue_access_token(
                user_id=operator.id, username="olga", tenant_id=tenant.id, role="Viewer", now=utc_now()
            )
            assert Door(prefix="", token=limited).call(method, url, body).status in (404, 405)


def portal_token(user: User) -> str:
    return issue_access_token(user_id=user.id, username=user.username, now=utc_now())


def test_the_agents_door_opens_for_no_person_and_no_api_token(tenant: Tenant, people: People) -> None:
    owner = people.actors["Owner"]
    with tenant_scope(tenant.id):
        machine = issue_token(kind="api", name="x", role="Owner", created_by="x", now=utc_now()).text
    gateway = Gateway(token="the agents' own")
    heard = [
        asyncio.run(_status(gateway, path, token))
        for path in [*CALLS, "/agent/v1/claim", "/agent/v1/bundles/abc"]
        for token in (owner.portal().token, owner.v2().token, machine, None)
    ]
    assert set(heard) == {401}
    assert asyncio.run(_status(gateway, "/agent/v1/nothing", "the agents' own")) == 404  # this one opens it


async def _status(gateway: Gateway, path: str, token: str | None) -> int:
    """What the gateway answers, asked as a web server asks it."""
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await gateway({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    return int(sent[0]["status"])


def test_the_ear_would_hear_a_missing_question(
    monkeypatch: pytest.MonkeyPatch, tenant: Tenant, member: Actor
) -> None:
    """The negative control: a view that asks for nothing is told from one that asks."""
    ear = Ear(monkeypatch)
    assert member.v2().get("/pools").status == 200
    assert ear.heard == ["pools.read"]
    ear.heard.clear()
    assert member.v2().get("/version").status == 200
    assert ear.heard == []
