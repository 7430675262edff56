"""The address is proved by mail, the password is changed and reset; sessions end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from tenants.mail import tokens as mail_tokens
from tenants.mail.send import send_due_mails
from tenants.models.mail import Mail
from tenants.models.sign_in_session import SignInSession
from tenants.models.user import User
from tests.support.actors import Door
from tests.support.factories import make_person
from tests.support.mail_server import MailServer, mail_server  # noqa: F401  a fixture

PASSWORD = "seven tall ships"
BODY = {"username": "mia", "email": "mia@example.com", "password": PASSWORD, "tenant": "alpha"}


@pytest.fixture
def portal(database: None) -> Door:
    return Door(prefix="/api/portal/v1", token=None)


def signed_in(portal: Door, password: str = PASSWORD) -> Door:
    answer = portal.post("/sign-in", {"username": "mia", "password": password})
    return Door(prefix="/api/portal/v1", token=answer["access_token"])


def test_an_address_is_proved_once(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    mine = signed_in(portal)
    refused = mine.post("/tenants", {"slug": "beta"})
    assert (refused.status, refused["code"]) == (403, "email-not-verified")
    assert mail_server.deliver().sent == 1
    token = mail_server.token("mia@example.com")
    assert portal.post("/verified-email", {"token": token[:-1] + "x"})["code"] == "link-invalid"
    assert portal.post("/verified-email", {"token": token})["email"] == "mia@example.com"
    assert portal.post("/verified-email", {"token": token})["code"] == "link-invalid"
    assert mine.get("/me")["user"]["email_verified"] is True
    assert mine.post("/tenants", {"slug": "beta"}).status == 201
    assert mine.post("/me/verification")["sent"] is False
    assert not Mail.objects.using("auth").exists()


def test_links_are_over_after_an_hour(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    mail_server.deliver()
    token = mail_server.token("mia@example.com")
    with override_settings(PASSWORD_RESET_TIMEOUT=-1):
        assert portal.post("/verified-email", {"token": token}).status == 422
    assert portal.post("/verified-email", {"token": token}).status == 200


def test_a_link_for_one_purpose_opens_no_other(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    mail_server.deliver()
    token = mail_server.token("mia@example.com")
    answer = portal.post("/new-password", {"token": token, "password": "another long one"})
    assert (answer.status, answer["code"]) == (422, "link-invalid")


@pytest.mark.parametrize("text", ["x", ".", "0" * 32 + ".x", "\x00", "a" * 500])
def test_what_is_no_link(portal: Door, text: str) -> None:
    assert portal.post("/verified-email", {"token": text}).status == 422
    assert portal.post("/new-password", {"token": text, "password": "another long one"}).status == 422
    assert portal.post("/invitation", {"token": text}).status == 422


def test_a_password_is_reset_by_mail(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    thief = signed_in(portal)
    assert portal.post("/forgotten-password", {"email": "Mia@example.com"}).status == 202
    mail_server.deliver()
    token = mail_server.token("mia@example.com")
    weak = portal.post("/new-password", {"token": token, "password": "mia@example.com1"})
    assert (weak.status, weak["code"]) == (422, "password-weak")
    assert portal.post("/new-password", {"token": token, "password": "nine short boats"}).status == 204
    assert thief.get("/me").status == 401
    assert portal.post("/sign-in", {"username": "mia", "password": PASSWORD}).status == 401
    assert signed_in(portal, "nine short boats").get("/me")["user"]["email_verified"] is True
    again = portal.post("/new-password", {"token": token, "password": "eight blue whales"})
    assert (again.status, again["code"]) == (422, "link-invalid")
    mail_server.deliver()
    assert mail_server.last("mia@example.com")["Subject"] == "Your password was changed"


def test_nobody_learns_who_has_an_account(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    known = portal.post("/forgotten-password", {"email": "mia@example.com"})
    unknown = portal.post("/forgotten-password", {"email": "nobody@example.com"})
    assert (known.status, known.body) == (unknown.status, unknown.body)
    for _ in range(4):
        portal.post("/forgotten-password", {"email": "mia@example.com"})
    assert portal.post("/forgotten-password", {"email": "mia@example.com"}).status == 429


def test_without_a_mail_server_it_is_said(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    for answer in (
        portal.post("/forgotten-password", {"email": "mia@example.com"}),
        signed_in(portal).post("/me/verification"),
    ):
        assert (answer.status, answer["code"]) == (409, "mail-not-set-up")
    assert not Mail.objects.using("auth").exists()
    assert signed_in(portal).post("/tenants", {"slug": "beta"}).status == 201


def test_changing_the_password(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    mine, elsewhere = signed_in(portal), signed_in(portal)
    wrong = mine.call("PUT", "/me/password", {"old_password": "x", "password": "nine short boats"})
    assert (wrong.status, wrong["code"]) == (422, "password-wrong")
    weak = mine.call("PUT", "/me/password", {"old_password": PASSWORD, "password": "password123"})
    assert (weak.status, weak["code"]) == (422, "password-weak")
    right = {"old_password": PASSWORD, "password": "nine short boats"}
    assert mine.call("PUT", "/me/password", right).status == 204
    assert (mine.get("/me").status, elsewhere.get("/me").status) == (200, 401)


def test_sessions_are_listed_and_ended(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    here, there = signed_in(portal), signed_in(portal)
    listed = here.get("/me/sessions")["sessions"]
    assert [row["current"] for row in listed] == [False, True, False]
    other = listed[0]["id"]
    assert here.delete(f"/me/sessions/{other}").status == 204
    ended = there.get("/me")
    assert (ended.status, ended["code"]) == (401, "token-invalid")
    assert Door(prefix="/t/alpha/api/v2", token=there.token).get("/dags").status in (401, 403)
    assert here.delete("/me/sessions").status == 204
    assert len(here.get("/me/sessions")["sessions"]) == 1
    assert here.post("/sign-out").status == 204
    assert here.get("/me").status == 401


def test_nobody_ends_the_sessions_of_others(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    mine = signed_in(portal)
    [row] = SignInSession.objects.using("auth").filter(user__username="mia")[:1]
    make_person("eve", "eight blue whales")
    answer = portal.post("/sign-in", {"username": "eve", "password": "eight blue whales"})
    eve = Door(prefix="/api/portal/v1", token=answer["access_token"])
    refused = eve.delete(f"/me/sessions/{row.id}")
    assert (refused.status, refused["code"]) == (404, "not-found")
    assert eve.delete("/me/sessions").status == 204
    assert mine.get("/me").status == 200


def test_a_closed_account_opens_nothing(portal: Door) -> None:
    portal.post("/sign-up", BODY)
    mine = signed_in(portal)
    User.objects.using("auth").filter(username="mia").update(is_active=False)
    assert mine.get("/me").status == 401


def test_a_mail_is_tried_again_and_given_up_in_the_end(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    mail_server.refuses = "451 later"
    now = utc_now()
    for _ in range(3):
        assert send_due_mails(now=now).sent == 0
        [mail] = Mail.objects.using("auth").all()
        assert mail.due_at > now
        now = mail.due_at + timedelta(seconds=1)
    assert mail.tries == 3
    mail_server.refuses = None
    assert send_due_mails(now=now).sent == 1
    assert not Mail.objects.using("auth").exists()


def test_an_address_that_the_server_refuses_is_not_tried_again(
    portal: Door,
    mail_server: MailServer,  # noqa: F811
) -> None:
    portal.post("/sign-up", BODY)
    mail_server.refuses = "550 no such user"
    assert mail_server.deliver().failed == 1
    assert not Mail.objects.using("auth").exists()


def test_a_server_that_is_away_loses_no_mail(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    with override_settings(SMTP_OPTIONS={"host": "127.0.0.1", "port": 1, "timeout": 5}):
        assert mail_server.deliver().failed == 1
    assert Mail.objects.using("auth").count() == 1
    later = utc_now() + timedelta(hours=1)
    assert send_due_mails(now=later).sent == 1


def test_a_mail_holds_no_secret_until_it_goes_out(portal: Door, mail_server: MailServer) -> None:  # noqa: F811
    portal.post("/sign-up", BODY)
    user = User.objects.using("auth").get(username="mia")
    token = mail_tokens.account_token("verify", user)
    [row] = Mail.objects.using("auth").values()
    assert token.partition(".")[2] not in str(row)
