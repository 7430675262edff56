"""Signing in with a passkey alone: the key names its owner and has verified them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from fido2.utils import websafe_encode

from tenants.models.user import User
from tests.api.portal.people.test_factors import PASSWORD, add_key, mine, portal, sign_in  # noqa: F401  fixtures
from tests.support.actors import Answer, Door
from tests.support.factories import make_person
from tests.support.soft_key import SoftKey


@pytest.fixture
def key(mine: Door) -> SoftKey:  # noqa: F811
    made = SoftKey(settings.BASE_URL)
    assert add_key(mine, made).status == 201
    return made


def by_passkey(portal: Door, key: SoftKey) -> Answer:  # noqa: F811
    begun = portal.post("/sign-in/passkey")
    assert "allowCredentials" not in begun["options"]["publicKey"]
    assert begun["options"]["publicKey"]["userVerification"] == "required"
    return portal.post(
        "/sign-in/passkey/answer", {"challenge": begun["challenge"], "answer": key.get(begun["options"])}
    )


def test_a_passkey_is_enough(portal: Door, key: SoftKey) -> None:  # noqa: F811
    done = by_passkey(portal, key)
    assert (done.status, done["user"]["username"]) == (200, "mia")
    door = Door(prefix="/api/portal/v1", token=done["access_token"])
    assert door.get("/me/sessions")["sessions"][0]["method"] == "passkey"
    assert door.get("/tenants/alpha").status == 200


def test_an_answer_is_good_once(portal: Door, key: SoftKey) -> None:  # noqa: F811
    begun = portal.post("/sign-in/passkey")
    body = {"challenge": begun["challenge"], "answer": key.get(begun["options"])}
    assert portal.post("/sign-in/passkey/answer", body).status == 200
    again = portal.post("/sign-in/passkey/answer", body)
    assert (again.status, again["code"]) == (422, "factor-refused")


def test_a_challenge_of_one_way_is_none_of_the_other(portal: Door, key: SoftKey) -> None:  # noqa: F811
    """What was asked beside a password, where nobody need be verified, does not stand alone."""
    asked = sign_in(portal)["second_factor"]
    body = {"challenge": asked["challenge"], "answer": key.get(asked["options"])}
    assert portal.post("/sign-in/passkey/answer", body).status == 422


FAULTS: dict[str, Callable[[SoftKey], None]] = {
    "nobody was verified": lambda key: setattr(key, "verified", 0),
    "another key": lambda key: setattr(key, "private", SoftKey(key.origin).private),
    "another site": lambda key: setattr(key, "origin", "https://evil.example"),
    "a key of nobody": lambda key: setattr(key, "id", bytes(32)),
    "of nobody": lambda key: setattr(key, "owner", websafe_encode(bytes(16))),
    "of no name": lambda key: setattr(key, "owner", None),
    "of a name that is none": lambda key: setattr(key, "owner", "x"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_does_not_fit(portal: Door, key: SoftKey, fault: str) -> None:  # noqa: F811
    FAULTS[fault](key)
    refused = by_passkey(portal, key)
    assert (refused.status, refused["code"]) == (422, "factor-refused")


def test_a_key_does_not_open_the_account_that_it_names(portal: Door, key: SoftKey) -> None:  # noqa: F811
    key.owner = websafe_encode(make_person("victor").id.bytes)
    assert by_passkey(portal, key).status == 422


def test_a_closed_account_stays_closed(portal: Door, key: SoftKey) -> None:  # noqa: F811
    User.objects.using("auth").filter(username="mia").update(is_active=False)
    assert by_passkey(portal, key).status == 422


@pytest.mark.parametrize("answer", [{}, {"response": 1}, {"response": {"userHandle": 1}}])
def test_rubbish(portal: Door, answer: dict[str, object]) -> None:  # noqa: F811
    begun = portal.post("/sign-in/passkey")
    body = {"challenge": begun["challenge"], "answer": answer}
    assert portal.post("/sign-in/passkey/answer", body).status == 422
