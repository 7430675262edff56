"""Another e-mail address: both addresses say yes before anything is different."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.foundation.clock import utc_now
from tenants.mail.tokens import account_token, invitation_token
from tenants.models.email_change import EmailChange
from tenants.models.user import User
from tests.support.actors import Actor, Door
from tests.support.audit_rows import platform_rows
from tests.support.mail_server import MailServer, mail_server  # noqa: F401  a fixture

PASSWORD = "seven tall ships"
OLD, NEW = "mia@example.com", "mia@new.example"
BODY = {"username": "mia", "email": OLD, "password": PASSWORD, "tenant": "alpha"}
CHANGE = {"email": NEW, "password": PASSWORD}


@pytest.fixture
def portal(database: None) -> Door:
    return Door(prefix="/api/portal/v1", token=None)


@pytest.fixture
def mine(portal: Door) -> Door:
    return Door(prefix="/api/portal/v1", token=portal.post("/sign-up", BODY)["access_token"])


@pytest.fixture
def proved(portal: Door, mail_server: MailServer, mine: Door) -> Door:  # noqa: F811
    """Signed in, and mails to the old address are proved to arrive."""
    mail_server.deliver()
    assert portal.post("/verified-email", {"token": mail_server.token(OLD)}).status == 200
    return mine


def test_both_addresses_confirm(portal: Door, proved: Door, mail_server: MailServer) -> None:  # noqa: F811
    asked = proved.call("PUT", "/me/email", CHANGE)
    assert (asked.status, asked["waits_for"]) == (202, ["old", "new"])
    mail_server.deliver()
    old, new = mail_server.token(OLD), mail_server.token(NEW)
    half = portal.post("/changed-email", {"token": new})
    assert half["waits_for"] == ["old"]
    assert portal.post("/changed-email", {"token": new})["waits_for"] == ["old"]  # again: no change
    told = proved.get("/me/email")
    assert (told["email"], told["change"]["email"]) == (OLD, NEW)
    assert portal.post("/changed-email", {"token": old})["waits_for"] == []
    assert proved.get("/me/email").body == {"email": NEW, "verified": True, "change": None}
    assert portal.post("/changed-email", {"token": old})["code"] == "link-invalid"
    mail_server.deliver()
    assert mail_server.last(OLD)["Subject"] == "Your e-mail address was changed"
    [row] = platform_rows(action="user.email.changed")
    assert (row["before"], row["after"]) == ({"email": OLD}, {"email": NEW})


def test_an_address_that_was_never_proved_is_not_asked(
    portal: Door,
    mine: Door,
    mail_server: MailServer,  # noqa: F811
) -> None:
    User.objects.using("auth").filter(username="mia").update(email_verified_at=None)
    asked = mine.call("PUT", "/me/email", CHANGE)
    assert asked["waits_for"] == ["new"]
    mail_server.deliver()
    assert portal.post("/changed-email", {"token": mail_server.token(NEW)})["waits_for"] == []
    assert mine.get("/me/email")["email"] == NEW


def test_without_mails_the_password_decides(mine: Door) -> None:
    changed = mine.call("PUT", "/me/email", CHANGE)
    assert (changed.status, changed["waits_for"]) == (202, [])
    assert mine.get("/me/email").body == {"email": NEW, "verified": False, "change": None}


def test_what_is_refused_changes_nothing(proved: Door, mail_server: MailServer) -> None:  # noqa: F811
    for changes, status, code in (
        ({"password": "a wrong one"}, 422, "password-wrong"),
        ({"email": "nothing"}, 422, "email-invalid"),
        ({"email": OLD}, 422, "email-invalid"),
        ({"email": None}, 422, "malformed"),
    ):
        answer = proved.call("PUT", "/me/email", {**CHANGE, **changes})
        assert (answer.status, answer["code"]) == (status, code)
    assert not EmailChange.objects.using("auth").exists()
    assert mail_server.deliver().sent == 0


def test_links_of_a_change_that_is_over_open_nothing(
    portal: Door,
    proved: Door,
    mail_server: MailServer,  # noqa: F811
) -> None:
    proved.call("PUT", "/me/email", CHANGE)
    mail_server.deliver()
    first = mail_server.token(NEW)
    proved.call("PUT", "/me/email", CHANGE)  # asked for anew
    assert portal.post("/changed-email", {"token": first})["code"] == "link-invalid"
    mail_server.deliver()
    second = mail_server.token(NEW)
    assert proved.delete("/me/email").status == 204
    assert proved.delete("/me/email").status == 404
    assert portal.post("/changed-email", {"token": second})["code"] == "link-invalid"
    proved.call("PUT", "/me/email", CHANGE)
    mail_server.deliver()
    EmailChange.objects.using("auth").update(expires_at=utc_now() - timedelta(seconds=1))
    assert portal.post("/changed-email", {"token": mail_server.token(NEW)})["code"] == "link-invalid"
    assert proved.get("/me/email").body == {"email": OLD, "verified": True, "change": None}


def test_a_link_for_another_purpose_opens_nothing(portal: Door, proved: Door) -> None:
    user = User.objects.using("auth").get(username="mia")
    for token in ("x", "x:y", account_token("verify", user), invitation_token(user.id)):
        assert portal.post("/changed-email", {"token": token})["code"] == "link-invalid"


def test_nobody_changes_the_address_of_others(
    portal: Door,
    proved: Door,
    stranger: Actor,
    mail_server: MailServer,  # noqa: F811
) -> None:
    """Each sees and changes their own; a token of one tenant, and nobody, reach none."""
    proved.call("PUT", "/me/email", CHANGE)
    assert stranger.portal().get("/me/email")["change"] is None
    assert stranger.portal().delete("/me/email").status == 404
    assert portal.get("/me/email").status == 401
    limited = Door(prefix="/api/portal/v1", token=stranger.v2().token)
    assert limited.call("PUT", "/me/email", CHANGE).status == 401
    assert proved.get("/me/email")["change"]["email"] == NEW


def test_asking_is_slowed_down(proved: Door) -> None:
    statuses = [proved.call("PUT", "/me/email", CHANGE).status for _ in range(6)]
    assert statuses == [202] * 5 + [429]


def test_an_account_that_was_closed_meanwhile(
    portal: Door,
    proved: Door,
    mail_server: MailServer,  # noqa: F811
) -> None:
    proved.call("PUT", "/me/email", CHANGE)
    mail_server.deliver()
    User.objects.using("auth").filter(username="mia").update(is_active=False)
    assert portal.post("/changed-email", {"token": mail_server.token(NEW)})["code"] == "link-invalid"
