"""Members and invitations: /tenants/{slug}/members, /tenants/{slug}/invitations, /invitation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.invitation import Invitation
from tenants.models.membership import Membership
from tenants.models.organisation_member import OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Door
from tests.support.factories import make_person
from tests.support.mail_server import MailServer, mail_server  # noqa: F401  a fixture

INVITE = "/tenants/alpha/invitations"


def portal(token: str | None = None) -> Door:
    return Door(prefix="/api/portal/v1", token=token)


def verified(actor: Actor) -> Actor:
    User.objects.using("auth").filter(id=actor.user.id).update(email_verified_at=utc_now())
    return actor


def guest(email: str) -> Actor:
    user = make_person()
    User.objects.using("auth").filter(id=user.id).update(email=email)
    user.refresh_from_db(using="auth")
    return Actor(user=user, tenant=Tenant(slug="none"), role="")


def test_a_newcomer_comes_by_mail(tenant: Tenant, member: Actor, mail_server: MailServer) -> None:  # noqa: F811
    made = verified(member).portal().post(INVITE, {"email": "new@example.com", "role": "Author"})
    assert (made.status, made["mailed"], made["link"]) == (201, True, None)
    mail_server.deliver()
    token = mail_server.token("new@example.com")
    offered = portal().post("/invitation", {"token": token})
    assert (offered["tenant"], offered["role"], offered["has_account"]) == ("alpha", "Author", False)
    body = {"token": token, "username": "newcomer", "password": "seven tall ships"}
    weak = portal().post("/invitation/sign-up", {**body, "password": "short"})
    assert (weak.status, weak["code"]) == (422, "password-weak")
    joined = portal().post("/invitation/sign-up", body)
    assert (joined.status, joined["role"]) == (201, "Author")
    mine = portal(joined["access_token"])
    assert mine.get("/tenants/alpha")["role"] == "Author"
    assert mine.get("/me")["user"]["email_verified"] is True
    row = OrganisationMember.objects.using("auth").get(user__username="newcomer")
    assert (row.organisation_id, row.role) == (tenant.organisation_id, "Member")
    again = portal().post("/invitation/sign-up", {**body, "username": "twice"})
    assert (again.status, again["code"]) == (422, "link-invalid")
    assert not User.objects.using("auth").filter(username="twice").exists()


def test_somebody_with_an_account_joins_several_tenants(
    tenant: Tenant, member: Actor, stranger: Actor
) -> None:
    made = member.portal().post(INVITE, {"email": stranger.user.email, "role": "Viewer"})
    token = made["link"].partition("#token=")[2]
    assert stranger.portal().post("/invitation/accept", {"token": token})["role"] == "Viewer"
    listed = stranger.portal().get("/me")["tenants"]
    assert [(row["slug"], row["role"]) for row in listed] == [("alpha", "Viewer"), ("omega", "Owner")]
    assert stranger.portal().post("/invitation/accept", {"token": token}).status == 422


def test_an_invitation_is_for_one_address(tenant: Tenant, member: Actor, stranger: Actor) -> None:
    made = member.portal().post(INVITE, {"email": "new@example.com"})
    token = made["link"].partition("#token=")[2]
    refused = stranger.portal().post("/invitation/accept", {"token": token})
    assert (refused.status, refused["code"]) == (403, "invitation-not-yours")
    assert stranger.portal().get("/tenants/alpha").status == 404
    assert guest("NEW@example.com").portal().post("/invitation/accept", {"token": token}).status == 200


@pytest.mark.parametrize("fault", ["over", "revoked", "deleting"])
def test_what_is_over_opens_nothing(tenant: Tenant, member: Actor, fault: str) -> None:
    made = member.portal().post(INVITE, {"email": "new@example.com"})
    token = made["link"].partition("#token=")[2]
    if fault == "over":
        with tenant_scope(tenant.id):
            Invitation.objects.update(expires_at=utc_now() - timedelta(seconds=1))
    elif fault == "revoked":
        assert member.portal().delete(f"{INVITE}/{made['id']}").status == 204
        assert member.portal().delete(f"{INVITE}/{made['id']}").status == 404
    else:
        Tenant.objects.using("auth").filter(id=tenant.id).update(state="deleting")
    answer = guest("new@example.com").portal().post("/invitation/accept", {"token": token})
    assert (answer.status, answer["code"]) == (422, "link-invalid")


def test_a_forged_invitation(tenant: Tenant, member: Actor) -> None:
    made = member.portal().post(INVITE, {"email": "new@example.com"})
    token = made["link"].partition("#token=")[2]
    for forged in (token[:-2] + "xx", token.partition(":")[0], str(made["id"])):
        assert portal().post("/invitation", {"token": forged}).status == 422


def test_who_may_invite(tenant: Tenant, actor: Callable[[str], Actor], stranger: Actor) -> None:
    body = {"email": "new@example.com", "role": "Viewer"}
    for role in ("Op", "Author", "Viewer"):
        refused = actor(role).portal().post(INVITE, body)
        assert (refused.status, refused["code"]) == (403, "permission-missing")
        assert actor(role).portal().get(INVITE).status == 403
    hidden = stranger.portal().post(INVITE, body)
    absent = stranger.portal().post("/tenants/nowhere/invitations", body)
    assert (hidden.status, hidden["code"]) == (absent.status, absent["code"]) == (404, "not-found")
    admin = actor("Admin").portal()
    assert admin.post(INVITE, {**body, "role": "Owner"}).status in (403, 422)
    assert admin.post(INVITE, {**body, "role": "King"}).status == 422
    assert admin.post(INVITE, {**body, "email": "nowhere"})["code"] == "email-invalid"
    assert admin.get(INVITE)["invitations"] == []
    assert actor("Owner").portal().post(INVITE, {**body, "role": "Owner"}).status == 201


def test_a_new_invitation_replaces_the_one_before(tenant: Tenant, member: Actor) -> None:
    for role in ("Viewer", "Op"):
        member.portal().post(INVITE, {"email": "new@example.com", "role": role})
    assert [row["role"] for row in member.portal().get(INVITE)["invitations"]] == ["Op"]


def test_an_invitation_of_another_tenant_cannot_be_taken_back(
    tenant: Tenant, member: Actor, stranger: Actor
) -> None:
    made = member.portal().post(INVITE, {"email": "new@example.com"})
    assert stranger.portal().delete(f"/tenants/omega/invitations/{made['id']}").status == 404
    assert stranger.portal().delete(f"{INVITE}/{made['id']}").status == 404
    assert len(member.portal().get(INVITE)["invitations"]) == 1


def test_members_are_listed(tenant: Tenant, member: Actor, viewer: Actor, stranger: Actor) -> None:
    seen = viewer.portal().get("/tenants/alpha/members")["members"]
    assert {row["role"] for row in seen} == {"Owner", "Admin", "Viewer"}
    assert {row["email"] for row in seen} == {None}
    told = member.portal().get("/tenants/alpha/members")["members"]
    assert viewer.user.email in {row["email"] for row in told}
    assert stranger.portal().get("/tenants/alpha/members").status == 404


def test_roles_change_and_nobody_gives_more_than_they_hold(
    tenant: Tenant, actor: Callable[[str], Actor], stranger: Actor
) -> None:
    admin, viewer, op = actor("Admin"), actor("Viewer"), actor("Op")
    place = f"/tenants/alpha/members/{viewer.user.id}"
    assert stranger.portal().patch(place, {"role": "Op"}).status == 404
    assert op.portal().patch(place, {"role": "Op"}).status == 403
    assert admin.portal().patch(place, {"role": "Author"}).status == 200
    assert viewer.portal().get("/tenants/alpha")["role"] == "Author"
    assert admin.portal().patch(place, {"role": "Owner"}).status in (403, 422)
    owner = Membership.objects.using("auth").get(tenant=tenant, role="Owner")
    assert admin.portal().patch(f"/tenants/alpha/members/{owner.user_id}", {"role": "Viewer"}).status == 403
    assert admin.portal().delete(f"/tenants/alpha/members/{owner.user_id}").status == 403
    assert admin.portal().patch(f"/tenants/alpha/members/{uuid4()}", {"role": "Op"}).status == 404
    assert admin.portal().patch(f"/tenants/alpha/members/{stranger.user.id}", {"role": "Op"}).status == 404


def test_everybody_leaves_but_the_last_owner(
    tenant: Tenant, actor: Callable[[str], Actor], viewer: Actor
) -> None:
    me = f"/tenants/alpha/members/{viewer.user.id}"
    author = actor("Author")
    assert author.portal().delete(me).status == 403
    assert viewer.portal().delete(me).status == 204
    assert viewer.portal().get("/tenants/alpha").status == 404
    second = actor("Owner")
    first = (
        Membership.objects.using("auth").filter(tenant=tenant, role="Owner").exclude(user=second.user).get()
    )
    assert second.portal().delete(f"/tenants/alpha/members/{first.user_id}").status == 204
    kept = second.portal().delete(f"/tenants/alpha/members/{second.user.id}")
    assert (kept.status, kept["code"]) == (409, "last-owner")
    demoted = second.portal().patch(f"/tenants/alpha/members/{second.user.id}", {"role": "Admin"})
    assert (demoted.status, demoted["code"]) == (409, "last-owner")
