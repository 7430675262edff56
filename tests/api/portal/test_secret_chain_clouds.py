"""The secret chain with Google Cloud Secret Manager and Azure Key Vault: what is checked, and a value by way of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import override_settings

from controlplane.secrets import chain
from tenants.models.tenant import Tenant
from tests.api.portal.test_secret_chain import PATH, put
from tests.support.actors import Actor
from tests.support.clouds import Google, as_google_sends, private_key

PEM = private_key()[1]
GOOGLE: dict[str, Any] = {
    "kind": "google-secret-manager", "name": "main", "project": Google.project, "client_email": Google.email,
    "credentials": {"private_key": PEM},
}  # fmt: skip
AZURE: dict[str, Any] = {
    "kind": "azure-key-vault", "name": "main", "vault_url": "https://acme-secrets.vault.azure.net",
    "tenant": "11111111-2222-3333-4444-555555555555", "client_id": "66666666-7777-8888-9999-000000000000",
    "credentials": {"client_secret": "s3cret-of-the-application"},
}  # fmt: skip


@pytest.fixture
def admin(actor: Callable[[str], Actor]) -> Actor:
    return actor("Admin")


@pytest.fixture
def google() -> Iterator[Google]:
    server = Google()
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("store", [GOOGLE, AZURE], ids=["google", "azure"])
def test_set_and_never_told(tenant: Tenant, admin: Actor, viewer: Actor, stranger: Actor, store: Any) -> None:
    made = put(admin, store)
    assert made.status == 200, made.body
    assert made["stores"][0]["has_credentials"] is True
    for secret in (PEM.splitlines()[1], "s3cret-of-the-application"):
        assert secret not in str(made.body)
        assert secret not in str(admin.portal().get("/tenants/alpha/audit").body)
    assert put(viewer, store, version=1).status == 403
    assert put(stranger, store, version=1).status == 404


@pytest.mark.parametrize(
    ("store", "field"),
    [
        (GOOGLE | {"project": "Not A Project"}, "project"),
        (GOOGLE | {"prefix": "a/b"}, "prefix"),
        (GOOGLE | {"client_email": "robot@evil.example"}, "client_email"),
        (GOOGLE | {"credentials": {"private_key": "s3cret but no key"}}, "credentials.private_key"),
        (GOOGLE | {"credentials": {"private_key": 7}}, "credentials.private_key"),
        (GOOGLE | {"token_uri": "https://evil.example"}, "token_uri"),
        (AZURE | {"vault_url": "https://acme.vault.azure.net.evil.example"}, "vault_url"),
        (AZURE | {"vault_url": "http://acme.vault.azure.net"}, "vault_url"),
        (AZURE | {"vault_url": "https://127.0.0.1:8200"}, "vault_url"),
        (AZURE | {"tenant": "../common"}, "tenant"),
        (AZURE | {"client_id": "x"}, "client_id"),
        (AZURE | {"credentials": {"client_secret": ""}}, "credentials.client_secret"),
        (AZURE | {"credentials": {"password": "s3cret"}}, "credentials.password"),
    ],
)
def test_wrong_stores(tenant: Tenant, admin: Actor, store: Any, field: str) -> None:
    answer = put(admin, store)
    assert (answer.status, answer["code"]) == (422, "secret-chain-invalid")
    assert next(iter(answer["errors"])).startswith(f"stores.0.{field}"), answer["errors"]
    assert "s3cret" not in str(answer.body)
    assert admin.portal().get(PATH)["version"] == 0


@pytest.mark.parametrize(
    ("store", "change"),
    [
        (GOOGLE, {"client_email": "eve@other-project.iam.gserviceaccount.com"}),
        (GOOGLE, {"project": "another-project"}),
        (AZURE, {"vault_url": "https://eves-vault.vault.azure.net"}),
        (AZURE, {"tenant": "99999999-2222-3333-4444-555555555555"}),
    ],
)
def test_credentials_are_not_sent_elsewhere(
    tenant: Tenant, admin: Actor, store: dict[str, Any], change: dict[str, Any]
) -> None:
    assert put(admin, store).status == 200
    bare = {name: value for name, value in store.items() if name != "credentials"}
    moved = put(admin, bare | change, version=1)
    assert (moved.status, list(moved["errors"])) == (422, ["stores.0.credentials"])
    assert put(admin, bare | {"prefix": "other"}, version=1).status == 200


def test_a_value_by_way_of_the_chain(tenant: Tenant, admin: Actor, google: Google) -> None:
    google.held["airflow-variables-colour"] = as_google_sends("green")
    chain._asking.cache_clear()
    with override_settings(GOOGLE_ENDPOINT=google.address):
        store = GOOGLE | {"credentials": {"private_key": google.pem}}
        assert put(admin, store, {"kind": "embedded"}).status == 200
        found = admin.v2().get("/variables/colour")
        assert (found.status, found["value"]) == (200, "***")
        assert found["description"] == "In the secret store main"
        assert admin.v2().get("/variables/none").status == 404
        google.broken = 500
        failed = admin.v2().get("/variables/colour")
        assert (failed.status, failed["code"]) == (503, "secret-store-faulty")
