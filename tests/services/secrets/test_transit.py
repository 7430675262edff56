"""A real Vault's transit engine as key-encryption key of the embedded store."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import pytest
from django.test import override_settings

from controlplane.ledger.models.data_key import DataKey
from controlplane.secrets import embedded
from controlplane.secrets.bounded import BoundedAsking
from controlplane.secrets.contract import KeyKept, KeyUnavailable, Place, SealBroken
from controlplane.secrets.embedded import EmbeddedStore
from controlplane.secrets.farewell import forget_tenant
from controlplane.secrets.key_encryption import LocalKeys
from controlplane.secrets.transit import TransitKeys
from controlplane.secrets.vault import Login, VaultSession
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.bao import LOOPBACK, Bao

KEY = base64.b64encode(bytes(range(32))).decode()
POLICY = """
path "transit/encrypt/aerodrome-*" { capabilities = ["create", "update"] }
path "transit/decrypt/aerodrome-*" { capabilities = ["update"] }
"""
DELETING = """
path "transit/keys/aerodrome-*" { capabilities = ["update", "delete"] }
"""


@pytest.fixture
def session(bao: Bao) -> VaultSession:
    role_id, secret_id = bao.approle("platform")
    bao.root.sys.create_or_update_policy("platform", POLICY)
    login = Login("approle", role_id=role_id, secret_id=secret_id)
    return VaultSession(address=bao.address, login=login, allowed=LOOPBACK)


def store_at(session: VaultSession) -> EmbeddedStore:
    """As a process has it that just started: nothing in memory."""
    keys = TransitKeys(session=session, former=LocalKeys(current=KEY), asking=BoundedAsking())
    return EmbeddedStore(keys=keys)


@pytest.fixture
def place(tenant: Tenant) -> Iterator[Place]:
    with tenant_scope(tenant.id):
        yield Place(tenant_id=tenant.id, table="variable", column="sealed", row_id=uuid4())


def test_seals_and_opens(session: VaultSession, place: Place, bao: Bao) -> None:
    sealed = store_at(session).seal(plain=b"v", place=place)
    assert store_at(session).open(sealed=sealed, place=place) == b"v"
    row = DataKey.objects.get()
    assert bytes(row.wrapped).startswith(b"vault:v1:")
    assert row.kek_id == "transit:transit/aerodrome-"
    assert f"aerodrome-{place.tenant_id}" in bao.root.secrets.transit.list_keys()["data"]["keys"]


def test_the_transit_key_may_rotate(session: VaultSession, place: Place, bao: Bao) -> None:
    sealed = store_at(session).seal(plain=b"v", place=place)
    bao.root.secrets.transit.rotate_key(f"aerodrome-{place.tenant_id}")
    assert store_at(session).open(sealed=sealed, place=place) == b"v"


def test_a_copied_data_key_does_not_open(session: VaultSession, tenant: Tenant, other_tenant: Tenant) -> None:
    """Neither in another tenant nor under another id of the same tenant."""
    keys = TransitKeys(session=session, former=LocalKeys(current=KEY), asking=BoundedAsking())
    key_id = uuid4()
    held = keys.wrap(tenant_id=tenant.id, key_id=key_id, key=b"k" * 32)
    keys.wrap(tenant_id=other_tenant.id, key_id=key_id, key=b"k" * 32)
    assert keys.unwrap(tenant_id=tenant.id, key_id=key_id, held=held) == b"k" * 32
    for tenant_id, other in ((tenant.id, uuid4()), (other_tenant.id, key_id)):
        with pytest.raises(SealBroken):
            keys.unwrap(tenant_id=tenant_id, key_id=other, held=held)
    with pytest.raises(SealBroken):
        keys.unwrap(tenant_id=tenant.id, key_id=key_id, held=replace(held, wrapped=b"\x01nonsense"))


def test_away_means_closed(
    session: VaultSession, place: Place, bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five minutes from memory; then neither reading nor writing, and nothing is written in clear."""
    store = store_at(session)
    sealed = store.seal(plain=b"v", place=place)
    bao.seal()
    assert store.open(sealed=sealed, place=place) == b"v"
    assert store.open(sealed=store.seal(plain=b"w", place=place), place=place) == b"w"
    monkeypatch.setattr(embedded, "KEY_CACHE_SECONDS", -1.0)
    store._known.clear()
    with pytest.raises(KeyUnavailable, match="sealed"):
        store.open(sealed=sealed, place=place)
    with pytest.raises(KeyUnavailable):
        store.seal(plain=b"v", place=place)
    bao.unseal()
    assert store.open(sealed=sealed, place=place) == b"v"


def test_from_the_local_key_to_transit(session: VaultSession, place: Place) -> None:
    """What the local key wrapped stays readable; a rotation moves it."""
    sealed = EmbeddedStore(encryption_key=KEY).seal(plain=b"old", place=place)
    store = store_at(session)
    assert store.open(sealed=sealed, place=place) == b"old"
    key = store.rotate(tenant_id=place.tenant_id)
    assert store.seal(plain=b"new", place=place)[1:17] == key.bytes
    assert DataKey.objects.get(id=key).kek_id.startswith("transit:")


def test_the_key_of_a_tenant_that_is_gone_is_deleted(session: VaultSession, place: Place, bao: Bao) -> None:
    """Its own alone; again, and of a tenant that never had one, changes nothing."""
    store, other = store_at(session), uuid4()
    sealed = store.seal(plain=b"v", place=place)
    store.keys.wrap(tenant_id=other, key_id=uuid4(), key=b"k" * 32)
    bao.root.sys.create_or_update_policy("platform", POLICY + DELETING)
    for tenant_id in (place.tenant_id, place.tenant_id, uuid4()):
        store.forget(tenant_id=tenant_id)
    kept = bao.root.secrets.transit.list_keys()["data"]["keys"]
    assert f"aerodrome-{place.tenant_id}" not in kept and f"aerodrome-{other}" in kept
    with pytest.raises((SealBroken, KeyUnavailable)):
        store.open(sealed=sealed, place=place)


def test_a_vault_that_does_not_let_us_delete_keeps_the_key_and_one_that_is_away_puts_it_off(
    session: VaultSession, place: Place, bao: Bao
) -> None:
    store = store_at(session)
    store.seal(plain=b"v", place=place)
    with pytest.raises(KeyKept, match="permission denied"):
        store.forget(tenant_id=place.tenant_id)
    with override_settings(SECRET_STORE_OBJECT=store):
        forget_tenant(place.tenant_id)  # told of in the log; the tenant's end goes on
        assert f"aerodrome-{place.tenant_id}" in bao.root.secrets.transit.list_keys()["data"]["keys"]
        bao.seal()
        with pytest.raises(KeyUnavailable, match="sealed"):
            forget_tenant(place.tenant_id)
    bao.unseal()
