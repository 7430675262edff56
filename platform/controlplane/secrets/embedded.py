"""Envelope encryption without a service of its own: the store of a control plane that has no Vault.

Each tenant has data keys (`data_key`), wrapped with the key-encryption key from the settings (AES-256-GCM);
each value is sealed with the tenant's newest data key (AES-256-GCM, 96-bit random nonce). Losing the row of a
data key makes everything sealed with it unreadable, which is how a deleted tenant's backups are shredded.

    envelope = 0x01 | data key id (16) | nonce (12) | ciphertext and tag
    authenticated with it: the first 17 bytes, and the place (tenant, table, column, row)

Unwrapped data keys stay in memory for at most KEY_CACHE_SECONDS. Sealing always asks the table which key is
the newest, so a key that was made in a transaction that rolled back is never used.
Source: NIST SP 800-38D (GCM; at most 2^32 random nonces a key); RELIABILITY 4.4.
"""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.secrets.contract import KeyUnavailable, Place, SealBroken
from domain.ids import uuid7
from tenants.scope import current_tenant

VERSION = b"\x01"
KEY_CACHE_SECONDS = 300.0
KEY_CACHE_SIZE = 10_000
_HEAD, _NONCE, _TAG = 17, 12, 16


class EncryptionKeyMalformed(ValueError):
    """The setting ENCRYPTION_KEY is not base64 of 32 bytes."""


@dataclass(frozen=True)
class KeyEncryptionKey:
    """Wraps data keys. `id` tells keys apart without telling anything about them."""

    id: str
    cipher: AESGCM

    @classmethod
    def read(cls, text: str) -> KeyEncryptionKey:
        """From base64 of 32 bytes, standard or URL-safe. Raises EncryptionKeyMalformed."""
        try:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise EncryptionKeyMalformed(
                "AERODROME_ENCRYPTION_KEY must be 32 random bytes in base64: `openssl rand -base64 32`."
            )
        return cls(id=hashlib.sha256(b"aerodrome key id" + key).hexdigest()[:16], cipher=AESGCM(key))


class EmbeddedStore:
    """`encryption_key` as in the settings. Safe to share between threads."""

    def __init__(self, *, encryption_key: str) -> None:
        self._kek = KeyEncryptionKey.read(encryption_key)
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

    def rotate(self, *, tenant_id: UUID) -> UUID:
        """Give the tenant a new data key. Older values stay readable; each is sealed anew when it is set."""
        key_id = uuid7()
        wrapped = self._wrap(tenant_id, key_id, os.urandom(32))
        execute(
            "secrets/sql/insert_data_key.sql", id=key_id, wrapped=wrapped, kek_id=self._kek.id, now=utc_now()
        )
        return key_id

    def _newest(self, tenant_id: UUID) -> tuple[UUID, AESGCM]:
        # Two first sealings at the same time make two keys. Both open; the newer one seals from then on.
        rows = execute("secrets/sql/newest_data_key.sql")
        if not rows:
            self.rotate(tenant_id=tenant_id)
            rows = execute("secrets/sql/newest_data_key.sql")
        key_id, kek_id, wrapped = rows[0]
        return key_id, self._unwrap(tenant_id, key_id, kek_id, bytes(wrapped))

    def _by_id(self, tenant_id: UUID, key_id: UUID, using: str) -> AESGCM:
        known = self._known.get((tenant_id, key_id))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        rows = execute("secrets/sql/data_key.sql", using=using, id=key_id)
        if not rows:
            raise SealBroken(f"no data key {key_id} belongs to tenant {tenant_id}")
        cipher = self._unwrap(tenant_id, key_id, rows[0][0], bytes(rows[0][1]))
        if len(self._known) >= KEY_CACHE_SIZE:
            self._known.clear()
        self._known[tenant_id, key_id] = (time.monotonic() + KEY_CACHE_SECONDS, cipher)
        return cipher

    def _wrap(self, tenant_id: UUID, key_id: UUID, key: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return VERSION + nonce + self._kek.cipher.encrypt(nonce, key, _wrap_bound(tenant_id, key_id))

    def _unwrap(self, tenant_id: UUID, key_id: UUID, kek_id: str, wrapped: bytes) -> AESGCM:
        if kek_id != self._kek.id:
            raise KeyUnavailable(
                f"data key {key_id} was wrapped with encryption key {kek_id}, AERODROME_ENCRYPTION_KEY is "
                f"{self._kek.id}: start with the key that this database was written with."
            )
        nonce, body = wrapped[1 : 1 + _NONCE], wrapped[1 + _NONCE :]
        try:
            if wrapped[:1] != VERSION:
                raise SealBroken(f"data key {key_id}: a format this release does not know")
            return AESGCM(self._kek.cipher.decrypt(nonce, body, _wrap_bound(tenant_id, key_id)))
        except (InvalidTag, ValueError):
            raise SealBroken(f"data key {key_id} was changed, or belongs to another tenant") from None


def _require_scope(place: Place, using: str = "default") -> None:
    # Keys in memory know no row-level security: without this, a known key would open in any scope or none.
    if current_tenant(using=using) != str(place.tenant_id):
        raise SealBroken(f"{place.table} {place.row_id}: opened outside the scope of its tenant")


def _wrap_bound(tenant_id: UUID, key_id: UUID) -> bytes:
    return b"aerodrome data key" + tenant_id.bytes + key_id.bytes
