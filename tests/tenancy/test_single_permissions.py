"""Roles of a tenant's own, at every endpoint: the paths are the resolver's, the permissions the published table's.

A role that holds just what an endpoint asks for opens it. One that holds everything else, and lacks the one permission
that is asked for first, does not: so no other permission opens it either, alone or with others. Two requests for each
endpoint tell what a role for each permission at each endpoint would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.membership import Membership
from tenants.models.role import Role
from tenants.models.tenant import Tenant
from tenants.permissions import ALL, PERMISSIONS
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Answer, Door
from tests.tenancy.test_matrix import CLOSED, Ear, Operation, People, address, ear, operations, people
from tests.tenancy.test_routes import clean

__all__ = ["ear", "people"]


class Custom:
    """One member, whose role is another one for each request."""

    def __init__(self, tenant: Tenant, person: Actor) -> None:
        self.tenant, self.person = tenant, person
        self.tokens = {True: person.portal().token, False: person.v2().token}
        self._made: set[str] = set()

    def knock(self, held: Iterable[str], one: Operation) -> Answer:
        permissions = sorted(held)
        name = f"r{len(self._made)}"
        with tenant_scope(self.tenant.id):
            Role.objects.create(
                tenant_id=self.tenant.id,
                name=name,
                permissions=permissions,
                created_at=utc_now(),
                changed_at=utc_now(),
            )
        self._made.add(name)
        Tenant.objects.using("auth").filter(id=self.tenant.id).update(state="active")
        Membership.objects.using("auth").update_or_create(
            tenant_id=self.tenant.id, user_id=self.person.user.id, defaults={"role": name}
        )
        token = self.tokens[one.path.startswith("api/portal/")]
        body = None if one.method == "GET" else {}
        return Door(prefix="", token=token).call(one.method, address(one.path, self.tenant.slug), body)


@pytest.fixture
def custom(tenant: Tenant, actor: Callable[[str], Actor]) -> Custom:
    return Custom(tenant, actor("Viewer"))


@pytest.mark.heavy
def test_each_endpoint_opens_to_what_it_asks_for_and_to_nothing_else(
    ear: Ear, people: People, custom: Custom
) -> None:
    found, _ = operations(ear, people)
    wrong, opened = [], set[str]()
    for one in found:
        name = f"{one.method} {clean(one.path)} {one.asked}"
        lacking = custom.knock(set(ALL) - {one.asked[0]}, one)
        if lacking.status != 403:
            wrong.append(f"{name}: {lacking.status} to a role without {one.asked[0]}")
        if f"{one.method} {clean(one.path)}" in CLOSED:
            continue
        enough = custom.knock(one.asked, one)
        if enough.status in (401, 403, 405) or enough.status >= 500:
            wrong.append(f"{name}: {enough.status} to a role with just that")
        opened.update(one.asked)
    assert not wrong, "\n".join(wrong)
    assert len(found) > 100
    assert opened == set(ALL) - ASKED_LATER, "each permission is good for something"


ASKED_LATER = {
    "owners.edit": "asked for when an Owner is named or removed, after members.edit",
}.keys()
"""Reviewed: permissions that no endpoint asks for first with a request that names nothing."""


def test_a_role_that_allows_nothing_opens_nothing_and_one_of_everything_is_no_owner(custom: Custom) -> None:
    """The negative control: what is asked decides, not the name of the role."""
    one = Operation("GET", "t/<slug>/api/v2/pools", ("pools.read",))
    assert custom.knock([], one).status == 403
    assert custom.knock(["pools.edit"], one).status == 403
    assert custom.knock(["pools.read"], one).status == 200
    with tenant_scope(custom.tenant.id):
        assert not Role.objects.filter(name__in=PERMISSIONS).exists()
