"""GET, PUT /tenants/{slug}/secret-chain and its check: order, write-only credentials, versions, who may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings

from controlplane.ledger.models.secret_chain import SecretChain
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor, Answer
from tests.support.bao import LOOPBACK, Bao

PATH = "/tenants/alpha/secret-chain"
VAULT: dict[str, Any] = {
    "kind": "vault", "name": "main", "address": "https://vault.example.com:8200", "prefix": "alpha",
    "role_id": "role-1", "credentials": {"secret_id": "s3cret-id-word"},
}  # fmt: skip
LEDGER = {"kind": "embedded"}


def without(store: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in store.items() if name not in names}


def put(actor: Actor, *stores: Any, version: int = 0, **more: Any) -> Answer:
    return actor.portal().call("PUT", PATH, {"stores": list(stores), "version": version, **more})


@pytest.fixture
def admin(actor: Callable[[str], Actor]) -> Actor:
    return actor("Admin")


def test_a_tenant_begins_with_the_ledger_alone(tenant: Tenant, admin: Actor) -> None:
    answer = admin.portal().get(PATH)
    assert answer.status == 200
    assert answer["stores"] == [{"kind": "embedded", "name": "embedded", "has_credentials": False}]
    assert (answer["declared_only"], answer["version"]) == (False, 0)


def test_set_and_read_back(tenant: Tenant, admin: Actor) -> None:
    made = put(admin, VAULT, LEDGER, declared_only=True)
    assert made.status == 200, made.body
    read = admin.portal().get(PATH)
    assert read["version"] == made["version"] == 1
    assert [store["name"] for store in read["stores"]] == ["main", "embedded"]
    assert [store["has_credentials"] for store in read["stores"]] == [True, False]
    assert read["declared_only"] is True
    assert "s3cret-id-word" not in f"{made.body} {read.body}"
    with tenant_scope(tenant.id):
        row = SecretChain.objects.get()
        assert "s3cret-id-word" not in str(row.stores)
        assert b"s3cret-id-word" not in bytes(row.sealed or b"")


def test_versions(tenant: Tenant, admin: Actor) -> None:
    assert put(admin, LEDGER).status == 200
    lost = put(admin, VAULT)
    assert (lost.status, lost["code"]) == (412, "precondition-failed")
    stale = admin.portal().call("PUT", PATH, {"stores": [], "version": 1}, If_Match='"stale"')
    assert stale.status == 412
    assert admin.portal().get(PATH)["version"] == 1, "nothing was changed"


def test_credentials_stay_while_they_go_to_the_same_place(tenant: Tenant, admin: Actor) -> None:
    assert put(admin, VAULT).status == 200
    kept = put(admin, without(VAULT, "credentials") | {"prefix": "other", "mount": "kv"}, version=1)
    assert kept.status == 200, kept.body
    assert kept["stores"][0]["has_credentials"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"address": "https://evil.example.com:8200"},
        {"address": "https://vault.example.com"},
        {"namespace": "elsewhere"},
        {"role_id": "role-2"},
        {"auth": "token"},
        {"name": "another"},
    ],
)
def test_credentials_are_not_sent_elsewhere(tenant: Tenant, admin: Actor, change: dict[str, Any]) -> None:
    """Who may edit the chain cannot have another's credentials sent to an address of his own."""
    assert put(admin, VAULT).status == 200
    moved = put(admin, without(VAULT, "credentials") | change, version=1)
    assert moved.status == 422
    assert list(moved["errors"]) == ["stores.0.credentials"]
    assert admin.portal().get(PATH)["version"] == 1


@pytest.mark.parametrize(
    ("store", "field"),
    [
        ("x", "stores.0"),
        ({"kind": "nosuch", "name": "n"}, "stores.0"),
        (VAULT | {"name": "Upper"}, "stores.0.name"),
        (VAULT | {"address": "http://vault.example.com"}, "stores.0.address"),
        (VAULT | {"address": "ftp://vault.example.com"}, "stores.0.address"),
        (VAULT | {"address": "https://u:s3cret@vault.example.com"}, "stores.0.address"),
        (VAULT | {"address": "https://vault.example.com/v1?x=1"}, "stores.0.address"),
        (VAULT | {"prefix": "../other"}, "stores.0.prefix"),
        (VAULT | {"ca_pem": "no certificate"}, "stores.0.ca_pem"),
        (VAULT | {"role_id": ""}, "stores.0.role_id"),
        (VAULT | {"extra": 1}, "stores.0.extra"),
        (VAULT | {"credentials": {"password": "s3cret"}}, "stores.0.credentials.password"),
        (VAULT | {"credentials": {"secret_id": ""}}, "stores.0.credentials.secret_id"),
        (VAULT | {"credentials": "s3cret"}, "stores.0.credentials"),
        (without(VAULT, "credentials"), "stores.0.credentials"),
        (LEDGER | {"credentials": {"token": "s3cret"}}, "stores.0.credentials.token"),
    ],
)
def test_wrong_stores(tenant: Tenant, admin: Actor, store: Any, field: str) -> None:
    answer = put(admin, store)
    assert (answer.status, answer["code"]) == (422, "secret-chain-invalid")
    assert next(iter(answer["errors"])).startswith(field), answer["errors"]
    assert "s3cret" not in str(answer.body)
    assert admin.portal().get(PATH)["version"] == 0


@pytest.mark.parametrize(
    "body",
    [[], {}, {"stores": []}, {"version": 0}, {"stores": [], "version": "0"}, {"stores": {}, "version": 0},
     {"stores": [LEDGER, LEDGER], "version": 0}, {"stores": [LEDGER] * 9, "version": 0},
     {"stores": [], "version": 0, "declared_only": "yes"}, {"stores": [], "version": 0, "more": 1}],
)  # fmt: skip
def test_wrong_bodies(tenant: Tenant, admin: Actor, body: Any) -> None:
    assert admin.portal().call("PUT", PATH, body).status == 422


def test_who_may(tenant: Tenant, stranger: Actor, actor: Callable[[str], Actor]) -> None:
    op, viewer = actor("Op"), actor("Viewer")
    assert op.portal().get(PATH).status == 200
    assert put(op, LEDGER).status == 403
    assert op.portal().post(f"{PATH}/check").status == 403
    assert viewer.portal().get(PATH).status == 403
    for method, path in (("GET", PATH), ("PUT", PATH), ("POST", f"{PATH}/check")):
        real = stranger.portal().call(method, path, {"stores": []})
        absent = stranger.portal().call(method, path.replace("alpha", "nosuch"), {"stores": []})
        assert (real.status, absent.status) == (404, 404)
        assert real["detail"].replace("alpha", "nosuch") == absent["detail"]


def test_check_tells_which_store_works(tenant: Tenant, admin: Actor, bao: Bao) -> None:
    role_id, secret_id = bao.approle("alpha")
    good = VAULT | {"address": bao.address, "role_id": role_id, "credentials": {"secret_id": secret_id}}
    bad = good | {"name": "wrong", "credentials": {"secret_id": "s3cret-id-word"}}
    with override_settings(SECRET_NETWORKS=LOOPBACK):
        assert put(admin, good, bad, LEDGER).status == 200
        answer = admin.portal().post(f"{PATH}/check")
    assert answer.status == 200
    assert [(row["name"], row["ok"], row["code"]) for row in answer["stores"]] == [
        ("main", True, None),
        ("wrong", False, "secret-store-denied"),
        ("embedded", True, None),
    ]
    assert "s3cret-id-word" not in str(answer.body)


def test_internal_addresses_are_refused_when_asked(tenant: Tenant, admin: Actor) -> None:
    """The name may be harmless today: it is looked at when it is connected to."""
    assert put(admin, VAULT | {"address": "https://169.254.169.254"}).status == 200
    [row] = admin.portal().post(f"{PATH}/check")["stores"]
    assert (row["ok"], row["code"]) == (False, "secret-store-unreachable")
    assert "internal" in row["message"]
