"""Second factors: authenticator apps, security keys, recovery codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from controlplane.foundation.clock import utc_now
from tenants.factors import totp
from tenants.factors.seal import SealBroken, seal, unseal
from tenants.models.sign_in_factor import SignInFactor
from tests.support.actors import Answer, Door
from tests.support.factories import make_person
from tests.support.soft_key import SoftKey

PASSWORD = "seven tall ships"
BODY = {"username": "mia", "email": "mia@example.com", "password": PASSWORD, "tenant": "alpha"}


@pytest.fixture
def portal(database: None) -> Door:
    return Door(prefix="/api/portal/v1", token=None)


@pytest.fixture
def mine(portal: Door) -> Door:
    return Door(prefix="/api/portal/v1", token=portal.post("/sign-up", BODY)["access_token"])


def sign_in(portal: Door) -> Answer:
    return portal.post("/sign-in", {"username": "mia", "password": PASSWORD})


def present(secret: str, periods: int = 0) -> str:
    return totp.code_at(secret, int(utc_now().timestamp()) // 30 + periods)


def with_app(mine: Door) -> tuple[str, list[str]]:
    """(the app's secret, the recovery codes)"""
    made = mine.post("/me/factors/totp", {"password": PASSWORD})
    done = mine.post(f"/me/factors/totp/{made['id']}", {"code": present(made["secret"], -1), "name": "phone"})
    assert done.status == 200
    return made["secret"], done["recovery_codes"]


def answer(portal: Door, ticket: str, **body: Any) -> Answer:
    return portal.post("/sign-in/second-factor", {"ticket": ticket, **body})


@pytest.mark.parametrize(
    ("instant", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(instant: int, code: str) -> None:
    """RFC 6238, appendix B, the last six digits."""
    assert totp.code_at("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", instant // 30) == code


def test_sealed_for_one_row() -> None:
    sealed = seal("secret", row="a:1")
    assert unseal(sealed, row="a:1") == "secret"
    for broken, row in ((sealed, "a:2"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "a:1"), (b"", "a:1")):
        with pytest.raises(SealBroken):
            unseal(broken, row=row)


def test_signing_in_with_an_app(portal: Door, mine: Door) -> None:
    secret, _ = with_app(mine)
    first = sign_in(portal)
    assert (first.status, first["access_token"]) == (202, None)
    ticket = first["second_factor"]["ticket"]
    assert first["second_factor"]["kinds"] == ["recovery", "totp"]
    wrong = answer(portal, ticket, code="000000" if present(secret) != "000000" else "111111")
    assert (wrong.status, wrong["code"]) == (422, "factor-refused")
    code = present(secret)
    done = answer(portal, ticket, code=code)
    assert done.status == 200
    door = Door(prefix="/api/portal/v1", token=done["access_token"])
    assert door.get("/me/sessions")["sessions"][0]["method"] == "password and totp"
    # The ticket and the code are good once.
    assert answer(portal, ticket, code=present(secret, 1))["code"] == "ticket-invalid"
    again = answer(portal, sign_in(portal)["second_factor"]["ticket"], code=code)
    assert (again.status, again["code"]) == (422, "factor-refused")


def test_a_code_of_long_ago_or_later_is_refused(portal: Door, mine: Door) -> None:
    secret, _ = with_app(mine)
    ticket = sign_in(portal)["second_factor"]["ticket"]
    for periods in (-3, 3):
        assert answer(portal, ticket, code=present(secret, periods)).status == 422


def test_guessing_is_slowed_down(portal: Door, mine: Door) -> None:
    with_app(mine)
    statuses = set()
    for _ in range(11):
        ticket = sign_in(portal)["second_factor"]["ticket"]
        statuses.add(answer(portal, ticket, code="12345").status)
    assert statuses == {422, 429}


def test_the_password_alone_opens_no_airflow_api(portal: Door, mine: Door) -> None:
    place = Door(prefix="/t/alpha", token=None)
    body = {"username": "mia", "password": PASSWORD}
    assert place.post("/auth/token", body).status == 201
    with_app(mine)
    refused = place.post("/auth/token", body)
    assert refused.status == 401
    assert "second factor" in refused["detail"]


def test_recovery_codes_are_good_once(portal: Door, mine: Door) -> None:
    _, codes = with_app(mine)
    assert len(set(codes)) == 10
    ticket = sign_in(portal)["second_factor"]["ticket"]
    assert answer(portal, ticket, code=codes[0].replace("-", "").upper()).status == 200
    ticket = sign_in(portal)["second_factor"]["ticket"]
    assert answer(portal, ticket, code=codes[0]).status == 422
    assert mine.get("/me/factors")["recovery_codes_left"] == 9
    renewed = mine.post("/me/factors/recovery-codes", {"password": PASSWORD})["recovery_codes"]
    assert answer(portal, ticket, code=codes[1]).status == 422
    assert answer(portal, ticket, code=renewed[1]).status == 200


def test_what_was_begun_and_not_confirmed_asks_for_nothing(portal: Door, mine: Door) -> None:
    made = mine.post("/me/factors/totp", {"password": PASSWORD})
    refused = mine.post(f"/me/factors/totp/{made['id']}", {"code": "1"})
    assert (refused.status, refused["code"]) == (422, "factor-refused")
    assert sign_in(portal).status == 200
    assert mine.get("/me/factors").body == {"factors": [], "recovery_codes_left": 0, "next": None}


def test_the_password_is_asked_for_again(mine: Door) -> None:
    with_app(mine)
    [factor] = mine.get("/me/factors")["factors"]
    for path in ("totp", "key", "recovery-codes", f"{factor['id']}/remove"):
        refused = mine.post(f"/me/factors/{path}", {"password": "a wrong one"})
        assert (refused.status, refused["code"]) == (422, "password-wrong")
    assert mine.post(f"/me/factors/{factor['id']}/remove", {"password": PASSWORD}).status == 204
    assert mine.get("/me/factors").body == {"factors": [], "recovery_codes_left": 0, "next": None}


def test_nobody_touches_the_factors_of_others(portal: Door, mine: Door) -> None:
    with_app(mine)
    [factor] = mine.get("/me/factors")["factors"]
    waiting = mine.post("/me/factors/totp", {"password": PASSWORD})
    make_person("eve", "eight blue whales")
    token = portal.post("/sign-in", {"username": "eve", "password": "eight blue whales"})["access_token"]
    eve = Door(prefix="/api/portal/v1", token=token)
    removed = eve.post(f"/me/factors/{factor['id']}/remove", {"password": "eight blue whales"})
    assert (removed.status, removed["code"]) == (404, "not-found")
    taken = eve.post(f"/me/factors/totp/{waiting['id']}", {"code": present(waiting["secret"])})
    assert taken.status == 404
    assert len(mine.get("/me/factors")["factors"]) == 1


def test_nothing_is_kept_in_the_clear(mine: Door) -> None:
    secret, codes = with_app(mine)
    rows = str(
        [
            {**row, "sealed": bytes(row["sealed"] or b"")}
            for row in SignInFactor.objects.using("auth").values()
        ]
    )
    assert secret not in rows
    assert not any(code in rows or code.replace("-", "") in rows for code in codes)


def add_key(mine: Door, key: SoftKey) -> Answer:
    begun = mine.post("/me/factors/key", {"password": PASSWORD})
    body = {"challenge": begun["challenge"], "answer": key.create(begun["options"]), "name": "yellow key"}
    return mine.post("/me/factors/key/confirm", body)


def test_signing_in_with_a_key(portal: Door, mine: Door) -> None:
    key = SoftKey(settings.BASE_URL)
    made = add_key(mine, key)
    assert (made.status, made["name"], len(made["recovery_codes"])) == (201, "yellow key", 10)
    asked = sign_in(portal)["second_factor"]
    signed = key.get(asked["options"])
    done = answer(portal, asked["ticket"], challenge=asked["challenge"], answer=signed)
    assert done.status == 200
    # The same answer again, with a new ticket: its challenge was answered.
    later = sign_in(portal)["second_factor"]
    for challenge in (asked["challenge"], later["challenge"]):
        replayed = answer(portal, later["ticket"], challenge=challenge, answer=signed)
        assert (replayed.status, replayed["code"]) == (422, "factor-refused")


FAULTS: dict[str, Callable[[SoftKey], None]] = {
    "another key": lambda key: setattr(key, "private", SoftKey(key.origin).private),
    "another site": lambda key: setattr(key, "origin", "https://evil.example"),
    "a copied key": lambda key: setattr(key, "counter", -1),
    "a key of nobody": lambda key: setattr(key, "id", bytes(32)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_does_not_fit(portal: Door, mine: Door, fault: str) -> None:
    key = SoftKey(settings.BASE_URL)
    add_key(mine, key)
    asked = sign_in(portal)["second_factor"]
    first = key.get(asked["options"])
    assert answer(portal, asked["ticket"], challenge=asked["challenge"], answer=first).status == 200
    asked = sign_in(portal)["second_factor"]
    FAULTS[fault](key)
    if fault == "a copied key":
        key.counter = 0  # signs with the counter 1 again
    refused = answer(portal, asked["ticket"], challenge=asked["challenge"], answer=key.get(asked["options"]))
    assert (refused.status, refused["code"]) == (422, "factor-refused")


@pytest.mark.parametrize("rubbish", [{}, {"response": {}}, {"id": "x", "rawId": "x", "response": {"a": 1}}])
def test_rubbish_for_an_answer(portal: Door, mine: Door, rubbish: dict[str, Any]) -> None:
    key = SoftKey(settings.BASE_URL)
    add_key(mine, key)
    asked = sign_in(portal)["second_factor"]
    refused = answer(portal, asked["ticket"], challenge=asked["challenge"], answer=rubbish)
    assert refused.status == 422
    begun = mine.post("/me/factors/key", {"password": PASSWORD})
    body = {"challenge": begun["challenge"], "answer": rubbish}
    assert mine.post("/me/factors/key/confirm", body).status == 422


def test_a_key_made_on_another_site_is_not_taken(mine: Door) -> None:
    assert add_key(mine, SoftKey("https://evil.example")).status == 422


@pytest.mark.parametrize("body", [{}, {"code": "1", "answer": {}}, {"ticket": "x"}])
def test_a_ticket_and_one_answer(portal: Door, body: dict[str, Any]) -> None:
    assert portal.post("/sign-in/second-factor", {"ticket": "x", **body}).status == 422


def test_a_forged_ticket(portal: Door, mine: Door) -> None:
    secret, _ = with_app(mine)
    ticket = sign_in(portal)["second_factor"]["ticket"]
    for forged in ("x", ticket[:-2] + "xx", ticket.partition(":")[0]):
        refused = answer(portal, forged, code=present(secret))
        assert (refused.status, refused["code"]) == (401, "ticket-invalid")
