"""One suite for every secret store, and what only the embedded one promises."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controlplane.ledger.models.data_key import DataKey
from controlplane.secrets.contract import KeyUnavailable, Place, SealBroken, SecretStore
from controlplane.secrets.embedded import EmbeddedStore
from controlplane.secrets.key_encryption import EncryptionKeyMalformed
from controlplane.secrets.null import NullStore
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

KEY = base64.b64encode(bytes(range(32))).decode()


@pytest.fixture
def embedded_store() -> EmbeddedStore:
    return EmbeddedStore(encryption_key=KEY)


@pytest.fixture(params=["embedded", "null"])
def store(request: pytest.FixtureRequest) -> SecretStore:
    return EmbeddedStore(encryption_key=KEY) if request.param == "embedded" else NullStore()


@pytest.fixture
def place(tenant: Tenant) -> Iterator[Place]:
    with tenant_scope(tenant.id):
        yield Place(tenant_id=tenant.id, table="variable", column="sealed", row_id=uuid4())


@given(plain=st.binary(max_size=2000))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_opens_where_it_was_sealed(store: SecretStore, place: Place, plain: bytes) -> None:
    assert store.open(sealed=store.seal(plain=plain, place=place), place=place) == plain


def test_two_envelopes_of_one_value(store: SecretStore, place: Place) -> None:
    assert store.seal(plain=b"v", place=place) != store.seal(plain=b"v", place=place)


@pytest.mark.parametrize("change", ["row_id", "table", "column", "tenant_id"])
def test_copied_elsewhere_it_does_not_open(store: SecretStore, place: Place, change: str) -> None:
    other = uuid4() if change.endswith("_id") else f"other_{change}"
    sealed = store.seal(plain=b"v", place=place)
    with pytest.raises(SealBroken):
        store.open(sealed=sealed, place=replace(place, **{change: other}))


def test_places_do_not_run_together(store: SecretStore, place: Place) -> None:
    """`ab` + `c` is not `a` + `bc`."""
    sealed = store.seal(plain=b"v", place=replace(place, table="ab", column="c"))
    with pytest.raises(SealBroken):
        store.open(sealed=sealed, place=replace(place, table="a", column="bc"))


def test_every_changed_byte_is_noticed(store: SecretStore, place: Place) -> None:
    sealed = store.seal(plain=b"value", place=place)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(SealBroken):
            store.open(sealed=bytes(changed), place=place)
    for cut in (0, 1, 17, 29, len(sealed) - 1):
        with pytest.raises(SealBroken):
            store.open(sealed=sealed[:cut], place=place)


def test_embedded_envelope_hides_the_value(embedded_store: EmbeddedStore, place: Place) -> None:
    assert b"plain-text" not in embedded_store.seal(plain=b"plain-text", place=place)
    assert b"plain-text" in NullStore().seal(plain=b"plain-text", place=place), "the control"


def test_other_tenant_cannot_open_even_with_the_key_copied(
    embedded_store: EmbeddedStore, tenant: Tenant, other_tenant: Tenant, superuser: Any
) -> None:
    """A superuser copies both the value and the wrapped data key into another tenant: still nothing opens."""
    row = uuid4()
    with tenant_scope(tenant.id):
        mine = Place(tenant_id=tenant.id, table="variable", column="sealed", row_id=row)
        sealed = embedded_store.seal(plain=b"v", place=mine)
    with superuser.cursor() as cursor:
        cursor.execute("ALTER TABLE data_key DISABLE TRIGGER USER")
        cursor.execute("UPDATE data_key SET tenant_id = %s", [str(other_tenant.id)])
        cursor.execute("ALTER TABLE data_key ENABLE TRIGGER USER")
    theirs = replace(mine, tenant_id=other_tenant.id)
    with tenant_scope(other_tenant.id):
        for place in (mine, theirs):
            with pytest.raises(SealBroken):
                embedded_store.open(sealed=sealed, place=place)
        with pytest.raises(SealBroken):
            EmbeddedStore(encryption_key=KEY).open(sealed=sealed, place=theirs)


def test_rotation_keeps_old_values(embedded_store: EmbeddedStore, place: Place) -> None:
    old = embedded_store.seal(plain=b"old", place=place)
    key = embedded_store.rotate(tenant_id=place.tenant_id)
    new = embedded_store.seal(plain=b"new", place=place)
    assert new[1:17] == key.bytes != old[1:17]
    assert embedded_store.open(sealed=old, place=place) == b"old"
    assert embedded_store.open(sealed=new, place=place) == b"new"


def test_key_of_a_rolled_back_transaction_is_not_used(embedded_store: EmbeddedStore, tenant: Tenant) -> None:
    place = Place(tenant_id=tenant.id, table="variable", column="sealed", row_id=uuid4())
    with pytest.raises(RuntimeError), tenant_scope(tenant.id):
        lost = embedded_store.seal(plain=b"v", place=place)
        embedded_store.open(sealed=lost, place=place)
        raise RuntimeError("the caller's transaction fails")
    with tenant_scope(tenant.id):
        sealed = embedded_store.seal(plain=b"v", place=place)
        assert sealed[1:17] != lost[1:17]
        assert EmbeddedStore(encryption_key=KEY).open(sealed=sealed, place=place) == b"v"


def test_another_encryption_key(embedded_store: EmbeddedStore, place: Place) -> None:
    sealed = embedded_store.seal(plain=b"v", place=place)
    other = EmbeddedStore(encryption_key=base64.b64encode(os.urandom(32)).decode())
    with pytest.raises(KeyUnavailable, match="start with the key"):
        other.open(sealed=sealed, place=place)
    with pytest.raises(KeyUnavailable):
        other.seal(plain=b"v", place=place)


def test_shredded_key_opens_nothing(embedded_store: EmbeddedStore, place: Place) -> None:
    sealed = embedded_store.seal(plain=b"v", place=place)
    DataKey.objects.all().delete()
    with pytest.raises(SealBroken):
        EmbeddedStore(encryption_key=KEY).open(sealed=sealed, place=place)


@pytest.mark.parametrize("wrong", ["", "short", base64.b64encode(b"x" * 31).decode(), "ä" * 44])
def test_malformed_encryption_key(wrong: str) -> None:
    with pytest.raises(EncryptionKeyMalformed, match="openssl rand"):
        EmbeddedStore(encryption_key=wrong)


def test_nothing_without_a_scope(
    embedded_store: EmbeddedStore, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that has the key in memory still asks whose scope it is in."""
    place = Place(tenant_id=tenant.id, table="variable", column="sealed", row_id=uuid4())
    with tenant_scope(tenant.id):
        sealed = embedded_store.seal(plain=b"v", place=place)
        assert embedded_store.open(sealed=sealed, place=place) == b"v"
    for call in (
        lambda: embedded_store.open(sealed=sealed, place=place),
        lambda: embedded_store.seal(plain=b"v", place=place),
    ):
        with pytest.raises(SealBroken, match="outside the scope"):
            call()
    monkeypatch.setattr("controlplane.secrets.embedded._require_scope", lambda *_: None)
    assert embedded_store.open(sealed=sealed, place=place) == b"v", "the control: the key is in memory"
