"""Envelope encryption without a service of its own: the store of a control plane that has no Vault.

Each tenant has data keys (`data_key`), wrapped by a key-encryption key (`key_encryption.py`, `transit.py`); each
value is sealed with the tenant's newest data key (AES-256-GCM, 96-bit random nonce). Losing the row of a data key
makes everything sealed with it unreadable, which is how a deleted tenant's backups are shredded. `rotate.py` gives a
tenant a new data key while tasks read and write.

    envelope = 0x01 | data key id (16) | nonce (12) | ciphertext and tag
    authenticated with it: the first 17 bytes, and the place (tenant, table, column, row)

Unwrapped data keys stay in memory for at most KEY_CACHE_SECONDS. Sealing always asks the table which key is
the newest, so a key that was made in a transaction that rolled back is never used.
Source: NIST SP 800-38D (GCM; at most 2^32 random nonces a key); RELIABILITY 4.4.
"""

from __future__ import annotations

import os
import time
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.secrets.contract import Place, SealBroken
from controlplane.secrets.key_encryption import KeyEncryption, LocalKeys, Wrapped
from domain.ids import uuid7
from tenants.scope import current_tenant

VERSION = b"\x01"
KEY_CACHE_SECONDS = 300.0
KEY_CACHE_SIZE = 10_000
_HEAD, _NONCE, _TAG = 17, 12, 16


class KeyGone(SealBroken):
    """The data key is no more: shredded, or retired by a rotation since the value was read. Read it again once."""


class EmbeddedStore:
    """`keys` wraps data keys; by default the key `encryption_key` as in the settings. Safe to share between threads."""

    def __init__(self, *, encryption_key: str = "", keys: KeyEncryption | None = None) -> None:
        self.keys = keys or LocalKeys(current=encryption_key)
        self._known: dict[tuple[UUID, UUID], tuple[float, AESGCM]] = {}

    def seal(self, *, plain: bytes, place: Place) -> bytes:
        """See the contract. Makes the tenant's first data key if it has none."""
        _require_scope(place)
        key_id, cipher = self._newest(place.tenant_id)
        head = VERSION + key_id.bytes
        nonce = os.urandom(_NONCE)
        return head + nonce + cipher.encrypt(nonce, plain, head + place.bound())

    def open(self, *, sealed: bytes, place: Place, using: str = "default") -> bytes:
        """See the contract."""
        _require_scope(place, using)
        if sealed[:1] != VERSION or len(sealed) < _HEAD + _NONCE + _TAG:
            raise SealBroken(f"{place.table} {place.row_id}: not an envelope this release can read")
        head, nonce, body = sealed[:_HEAD], sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
        cipher = self._by_id(place.tenant_id, UUID(bytes=sealed[1:_HEAD]), using)
        try:
            return cipher.decrypt(nonce, body, head + place.bound())
        except InvalidTag:
            raise SealBroken(f"{place.table} {place.row_id}: was not sealed for this row") from None

    def forget(self, *, tenant_id: UUID) -> None:
        """See the contract. The wrapped data keys are rows, and gone already."""
        for known in [each for each in list(self._known) if each[0] == tenant_id]:
            self._known.pop(known, None)
        self.keys.forget(tenant_id=tenant_id)

    def rotate(self, *, tenant_id: UUID) -> UUID:
        """Give the tenant a new data key. Older values stay readable; `rotate.py` seals them anew."""
        key_id = uuid7()
        held = self.keys.wrap(tenant_id=tenant_id, key_id=key_id, key=os.urandom(32))
        execute(
            "secrets/sql/insert_data_key.sql",
            id=key_id,
            wrapped=held.wrapped,
            kek_id=held.kek_id,
            now=utc_now(),
        )
        return key_id

    def _newest(self, tenant_id: UUID) -> tuple[UUID, AESGCM]:
        # Two first sealings at the same time make two keys. Both open; the newer one seals from then on.
        rows = execute("secrets/sql/newest_data_key.sql")
        if not rows:
            self.rotate(tenant_id=tenant_id)
            rows = execute("secrets/sql/newest_data_key.sql")
        key_id, kek_id, wrapped = rows[0]
        cipher = self._cached(tenant_id, key_id)
        return key_id, cipher or self._unwrap(tenant_id, key_id, Wrapped(kek_id, bytes(wrapped)))

    def _by_id(self, tenant_id: UUID, key_id: UUID, using: str) -> AESGCM:
        if (known := self._cached(tenant_id, key_id)) is not None:
            return known
        rows = execute("secrets/sql/data_key.sql", using=using, id=key_id)
        if not rows:
            raise KeyGone(f"no data key {key_id} belongs to tenant {tenant_id}")
        return self._unwrap(tenant_id, key_id, Wrapped(rows[0][0], bytes(rows[0][1])))

    def _cached(self, tenant_id: UUID, key_id: UUID) -> AESGCM | None:
        known = self._known.get((tenant_id, key_id))
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def _unwrap(self, tenant_id: UUID, key_id: UUID, held: Wrapped) -> AESGCM:
        cipher = AESGCM(self.keys.unwrap(tenant_id=tenant_id, key_id=key_id, held=held))
        if len(self._known) >= KEY_CACHE_SIZE:
            self._known.clear()
        self._known[tenant_id, key_id] = (time.monotonic() + KEY_CACHE_SECONDS, cipher)
        return cipher


def _require_scope(place: Place, using: str = "default") -> None:
    # Keys in memory know no row-level security: without this, a known key would open in any scope or none.
    if current_tenant(using=using) != str(place.tenant_id):
        raise SealBroken(f"{place.table} {place.row_id}: opened outside the scope of its tenant")
