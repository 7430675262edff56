"""Who knocks: a member in some role, a viewer, and a stranger who belongs to another tenant."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from controlplane.foundation.clock import utc_now
from tenants.access_tokens import issue_access_token
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tests.support import portal_answers
from tests.support.factories import make_member, make_tenant


@dataclass(frozen=True)
class Answer:
    """`status`, `body` (parsed JSON, or text) and headers of one answer."""

    status: int
    body: Any
    headers: dict[str, str]

    def __getitem__(self, key: str) -> Any:
        return self.body[key]


class Door:
    """Calls paths below `prefix` with `token`; bodies go out and come back as JSON."""

    def __init__(self, *, prefix: str, token: str | None, is_described: bool = True) -> None:
        """`is_described`: the portal's answers are held against its document; not those about made-up rows."""
        self.prefix, self.token = prefix, token
        self.is_described = is_described and prefix == portal_answers.PREFIX
        self._client = Client(raise_request_exception=True)

    def get(self, path: str, /, query: dict[str, Any] | None = None, **headers: str) -> Answer:
        return self.call("GET", path, query=query, **headers)

    def following(self, answer: Answer) -> Answer:
        """The page behind this one, asked for as a client does it: by what the answer calls `next`."""
        assert answer["next"].startswith(self.prefix)
        return self.get(answer["next"].removeprefix(self.prefix))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, body, **headers)

    def patch(self, path: str, body: Any = None, query: dict[str, Any] | None = None) -> Answer:
        return self.call("PATCH", path, body, query=query)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None, **headers: str
    ) -> Answer:
        """`headers` by their names in Python: `accept="application/json"`."""
        sent = {key.replace("_", "-"): value for key, value in headers.items()}
        if self.token is not None:
            sent.setdefault("authorization", f"Bearer {self.token}")
        response = self._client.generic(
            method,
            self.prefix + path,
            data=b"" if body is None else json.dumps(body).encode(),
            content_type="application/json",
            query_params=query,
            headers=sent,
        )
        content = b"".join(response.streaming_content) if response.streaming else response.content
        is_json = response.headers.get("Content-Type", "").split(";")[0].endswith(("/json", "+json"))
        # Bytes that are no text come back from `body.encode(errors="surrogateescape")`.
        parsed = json.loads(content) if is_json and content else content.decode(errors="surrogateescape")
        if self.is_described:
            unfit = portal_answers.mistakes(
                method=method,
                path=self.prefix + path,
                status=response.status_code,
                content_type=response.headers.get("Content-Type", ""),
                body=parsed,
            )
            assert not unfit, "\n".join(unfit)
        return Answer(response.status_code, parsed, dict(response.headers))


@dataclass(frozen=True)
class Actor:
    """A person and the doors they use. `tenant` is where they belong, not where they knock."""

    user: User
    tenant: Tenant
    role: str

    def v2(self, at: Tenant | None = None) -> Door:
        """The Airflow API of a tenant, by default their own, with a token of their own tenant."""
        token = issue_access_token(
            user_id=self.user.id,
            username=self.user.username,
            tenant_id=self.tenant.id,
            role=self.role,
            now=utc_now(),
        )
        return Door(prefix=f"/t/{(at or self.tenant).slug}/api/v2", token=token)

    def portal(self, *, is_described: bool = True) -> Door:
        token = issue_access_token(user_id=self.user.id, username=self.user.username, now=utc_now())
        return Door(prefix="/api/portal/v1", token=token, is_described=is_described)


@pytest.fixture
def tenant(database: None) -> Tenant:
    """An active, furnished tenant."""
    return make_tenant("alpha")


@pytest.fixture
def other_tenant(database: None) -> Tenant:
    """Another one, the stranger's."""
    return make_tenant("omega")


@pytest.fixture
def actor(tenant: Tenant) -> Callable[[str], Actor]:
    """`actor("Op")`: a new member of `tenant` in that role."""

    def make(role: str, at: Tenant | None = None) -> Actor:
        place = at or tenant
        return Actor(user=make_member(tenant=place, role=role), tenant=place, role=role)

    return make


@pytest.fixture
def member(actor: Callable[[str], Actor]) -> Actor:
    """May do everything an Admin may in `tenant`."""
    return actor("Admin")


@pytest.fixture
def viewer(actor: Callable[[str], Actor]) -> Actor:
    """May look, in `tenant`."""
    return actor("Viewer")


@pytest.fixture
def stranger(other_tenant: Tenant) -> Actor:
    """Owns another tenant; nothing to `tenant`."""
    return Actor(user=make_member(tenant=other_tenant, role="Owner"), tenant=other_tenant, role="Owner")


@pytest.fixture
def nobody(tenant: Tenant) -> Door:
    """Knocks at `tenant`'s Airflow API without any token."""
    return Door(prefix=f"/t/{tenant.slug}/api/v2", token=None)
