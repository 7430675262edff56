"""Service accounts and their tokens; scopes, rotation with overlap, last use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.membership import Membership
from tenants.models.tenant import Tenant
from tenants.models.token import Token
from tenants.models.user import User
from tenants.scope import tenant_scope
from tenants.tokens import issue_token, verify_token
from tests.support.actors import Actor, Answer, Door
from tests.support.queries import QueryCounter

ACCOUNTS = "/tenants/alpha/service-accounts"


def machine(token: str) -> Door:
    return Door(prefix="/t/alpha/api/v2", token=token)


def make_account(member: Actor, role: str = "Op", name: str = "ci") -> Answer:
    made = member.portal().post(ACCOUNTS, {"name": name, "role": role})
    assert made.status == 201, made.body
    return made


def make_token(member: Actor, account: Answer, **more: object) -> Answer:
    made = member.portal().post(f"{ACCOUNTS}/{account['id']}/tokens", {"name": "t", **more})
    assert made.status == 201, made.body
    return made


def test_an_account_acts_by_its_tokens_and_its_role_counts_as_it_is_now(
    tenant: Tenant, member: Actor
) -> None:
    account = make_account(member)
    door = machine(make_token(member, account)["token"])
    assert door.post("/pools", {"name": "p", "slots": 1}).status == 201
    assert member.portal().patch(f"{ACCOUNTS}/{account['id']}", {"role": "Viewer"})["role"] == "Viewer"
    assert door.post("/pools", {"name": "q", "slots": 1}).status == 403
    assert door.get("/pools").status == 200
    member.portal().patch(f"{ACCOUNTS}/{account['id']}", {"is_active": False})
    assert door.get("/pools").status == 403
    member.portal().patch(f"{ACCOUNTS}/{account['id']}", {"is_active": True})
    assert door.get("/pools").status == 200
    assert member.portal().delete(f"{ACCOUNTS}/{account['id']}").status == 204
    assert door.get("/pools").status == 403
    assert not User.objects.using("auth").filter(username__startswith="service:").exists()


def test_scopes_take_away_and_never_add(tenant: Tenant, member: Actor) -> None:
    account = make_account(member, role="Viewer")
    door = machine(make_token(member, account, scopes=["pools.read", "pools.edit"])["token"])
    assert door.get("/pools").status == 200
    assert door.get("/dags").status == 403
    assert door.post("/pools", {"name": "p", "slots": 1}).status == 403
    for scopes in (["pools.fly"], ["tenant.delete"]):
        body = {"name": "t", "scopes": scopes}
        answer = member.portal().post(f"{ACCOUNTS}/{account['id']}/tokens", body)
        assert (answer.status, answer["code"]) == (422, "token-scope-invalid")


def test_rotation_keeps_the_old_one_for_a_while(tenant: Tenant, member: Actor) -> None:
    account = make_account(member)
    old = make_token(member, account, lifetime_days=30, scopes=["pools.read"])
    new = member.portal().post(f"/tenants/alpha/tokens/{old['id']}/rotate", {"overlap_hours": 2})
    assert new.status == 201
    now = utc_now()
    for hours, of_old in ((1, True), (3, False)):
        later = now + timedelta(hours=hours)
        assert (verify_token(text=old["token"], kind="api", now=later) is not None) == of_old
        subject = verify_token(text=new["token"], kind="api", now=later)
        assert subject is not None
        assert subject.permissions == {"pools.read"}
    assert verify_token(text=new["token"], kind="api", now=now + timedelta(days=31)) is None
    again = member.portal().post(f"/tenants/alpha/tokens/{old['id']}/rotate", {})
    assert (again.status, again["code"]) == (409, "token-over")
    at_once = member.portal().post(f"/tenants/alpha/tokens/{new['id']}/rotate", {"overlap_hours": 0})
    assert machine(new["token"]).get("/pools").status == 403
    assert machine(at_once["token"]).get("/pools").status == 200
    assert (
        member.portal().post(f"/tenants/alpha/tokens/{at_once['id']}/rotate", {"overlap_hours": -1}).status
        == 422
    )


def test_the_overlap_never_makes_a_token_live_longer(tenant: Tenant, member: Actor) -> None:
    account = make_account(member)
    old = make_token(member, account, lifetime_days=1)
    new = member.portal().post(f"/tenants/alpha/tokens/{old['id']}/rotate", {"overlap_hours": 48})
    assert new["old_expires_at"] == old["expires_at"]


def test_nobody_rotates_what_may_do_more_than_they_may(
    tenant: Tenant, member: Actor, actor: Callable[[str], Actor]
) -> None:
    owner = actor("Owner")
    strong = owner.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "api", "role": "Owner"})
    answer = member.portal().post(f"/tenants/alpha/tokens/{strong['id']}/rotate", {})
    assert (answer.status, answer["code"]) == (403, "role-beyond")
    author = actor("Author")
    account = make_account(member)
    theirs = make_token(member, account)
    assert author.portal().post(f"/tenants/alpha/tokens/{theirs['id']}/rotate", {}).status == 403
    assert author.portal().delete(f"/tenants/alpha/tokens/{theirs['id']}").status == 403
    with tenant_scope(tenant.id):
        assert not Token.objects.exclude(replaced_by=None).exists()


def test_the_last_use_is_written_at_most_once_a_minute(tenant: Tenant, member: Actor) -> None:
    made = make_token(member, make_account(member))
    now = utc_now()

    def used() -> object:
        with tenant_scope(tenant.id):
            return Token.objects.get(id=made["id"]).last_used_at

    assert used() is None
    for seconds, written in ((0, 0), (59, 0), (60, 60), (119, 60), (121, 121)):
        assert verify_token(text=made["token"], kind="api", now=now + timedelta(seconds=seconds)) is not None
        assert used() == now + timedelta(seconds=written)


def test_a_token_in_use_costs_one_statement(
    tenant: Tenant, member: Actor, count_queries: QueryCounter
) -> None:
    made = make_token(member, make_account(member))
    now = utc_now()
    verify_token(text=made["token"], kind="api", now=now)
    with count_queries(1):
        verify_token(text=made["token"], kind="api", now=now + timedelta(seconds=5))


def test_a_persons_token_never_does_more_than_they_may_and_ends_with_their_membership(
    tenant: Tenant, actor: Callable[[str], Actor]
) -> None:
    op = actor("Op")
    made = op.portal().post("/tenants/alpha/tokens", {"name": "x", "kind": "api", "role": "Op"})
    door = machine(made["token"])
    assert door.post("/pools", {"name": "p", "slots": 1}).status == 201
    mine = Membership.objects.using("auth").filter(user_id=op.user.id)
    mine.update(role="Viewer")
    assert door.get("/pools").status == 200
    assert door.post("/pools", {"name": "q", "slots": 1}).status == 403
    mine.delete()
    assert door.get("/pools").status == 403


def test_tokens_from_before_keep_working(tenant: Tenant) -> None:
    """A row without person, account and scopes, as every token was."""
    with tenant_scope(tenant.id):
        made = issue_token(kind="api", name="old", role="Op", created_by="ann", now=utc_now())
    assert machine(made.text).post("/pools", {"name": "p", "slots": 1}).status == 201


def test_a_token_makes_no_tokens_of_its_own(tenant: Tenant, member: Actor) -> None:
    made = make_token(member, make_account(member, role="Admin"))
    portal = Door(prefix="/api/portal/v1", token=made["token"])
    answer = portal.post("/tenants/alpha/tokens", {"name": "x", "kind": "api"})
    assert (answer.status, answer["code"]) == (403, "permission-missing")
    assert portal.get("/tenants/alpha/tokens").status == 200


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "ci", "role": "Viewer"}, "service-account-taken"),
        ({"name": "C I", "role": "Viewer"}, "service-account-invalid"),
        ({"name": "x1", "role": "Nothing"}, "role-invalid"),
        ({"name": "x1", "role": "Owner"}, "role-beyond"),
        ({"name": "x1"}, "malformed"),
    ],
)
def test_what_is_wrong_is_said(tenant: Tenant, member: Actor, body: dict[str, str], code: str) -> None:
    make_account(member)
    assert member.portal().post(ACCOUNTS, body)["code"] == code
    assert len(member.portal().get(ACCOUNTS)["service_accounts"]) == 1
    assert User.objects.using("auth").filter(username__startswith="service:").count() == 1


def test_other_roles_and_strangers(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    account = make_account(member)
    made = make_token(member, account)
    one, tokens = f"{ACCOUNTS}/{account['id']}", f"{ACCOUNTS}/{account['id']}/tokens"
    assert viewer.portal().get(one)["name"] == "ci"
    for method, path in (
        ("POST", ACCOUNTS),
        ("PATCH", one),
        ("DELETE", one),
        ("POST", tokens),
        ("GET", tokens),
    ):
        assert viewer.portal().call(method, path, {})["code"] == "permission-missing"
        assert stranger.portal().call(method, path, {}).status == 404
    for path in (one, tokens):
        assert stranger.portal().get(path.replace("alpha", "omega")).status == 404
    rotate = f"/tenants/omega/tokens/{made['id']}/rotate"
    assert stranger.portal().post(rotate, {}).status == 404
    assert stranger.portal().delete(one.replace("alpha", "omega")).status == 404
    assert machine(made["token"]).get("/pools").status == 200
