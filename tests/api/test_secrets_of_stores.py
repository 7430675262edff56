"""GET of one connection or Variable that only a store of the tenant's chain has."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import override_settings

from controlplane.foundation.clock import utc_now
from controlplane.secrets import chain, variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.bao import LOOPBACK, Bao

LEDGER = {"kind": "embedded", "name": "embedded"}


@pytest.fixture(autouse=True)
def configured(tenant: Tenant, bao: Bao) -> Iterator[None]:
    chain._asking.cache_clear()
    role_id, secret_id = bao.approle("alpha")
    store = {
        "kind": "vault", "name": "main", "address": bao.address, "prefix": "alpha", "role_id": role_id,
        "credentials": {"secret_id": secret_id},
    }  # fmt: skip
    bao.put("alpha", "variables/colour", value="s3cret-of-vault")
    bao.put(
        "alpha",
        "connections/db",
        conn_uri="postgres://ann:s3cret-of-vault@db.example/d?token=s3cret-of-vault",
    )
    with override_settings(SECRET_NETWORKS=LOOPBACK):
        with tenant_scope(tenant.id):
            chain.put(stores=[store, LEDGER], declared_only=False, expected=0, now=utc_now())
        yield


def test_they_are_there_and_masked(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    door = actor("Op").v2()
    variable = door.get("/variables/colour")
    assert (variable.status, variable["value"]) == (200, "***")
    assert variable["description"] == "In the secret store main"
    connection = door.get("/connections/db")
    assert (connection["host"], connection["login"], connection["password"]) == ("db.example", "ann", "***")
    assert "s3cret-of-vault" not in f"{variable.body} {connection.body}"
    assert door.get("/variables")["total_entries"] == 0, "lists are of the ledger"


def test_the_ledgers_own_row_is_shown(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    with tenant_scope(tenant.id):
        variables.put(key="colour", value="of the ledger", description=None, now=utc_now())
    assert actor("Op").v2().get("/variables/colour")["value"] == "of the ledger"


def test_absent_everywhere(tenant: Tenant, actor: Callable[[str], Actor]) -> None:
    door = actor("Op").v2()
    assert door.get("/variables/none").status == 404
    assert door.get("/variables/none")["detail"] == "The Variable with key: `none` was not found"
    assert door.get("/connections/none").status == 404


def test_a_sealed_store(tenant: Tenant, bao: Bao, actor: Callable[[str], Actor]) -> None:
    bao.seal()
    answer = actor("Op").v2().get("/variables/colour")
    assert (answer.status, answer["code"]) == (503, "secret-store-sealed")


def test_others(tenant: Tenant, stranger: Actor, actor: Callable[[str], Actor]) -> None:
    assert actor("Viewer").v2().get("/variables/colour").status == 403
    assert stranger.v2(tenant).get("/variables/colour").status == 404
