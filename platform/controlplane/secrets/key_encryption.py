"""What wraps the tenants' data keys: the contract, and the body that has its keys from the settings.

Another body is `transit.py`: a Vault wraps, and its keys never leave it. Callers: `embedded.py`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.secrets.contract import KeyUnavailable, SealBroken

VERSION = b"\x01"
_NONCE = 12


class EncryptionKeyMalformed(ValueError):
    """The setting ENCRYPTION_KEY is not base64 of 32 bytes."""


@dataclass(frozen=True)
class Wrapped:
    """A data key as it is stored; `kek_id` says what opens it, and tells nothing about that."""

    kek_id: str
    wrapped: bytes


class KeyEncryption(Protocol):
    """Safe to share between threads. A wrapped key is bound to its tenant and id: copied, it does not open."""

    def is_current(self, kek_id: str) -> bool:
        """Whether new data keys are wrapped with this one."""

    def wrap(self, *, tenant_id: UUID, key_id: UUID, key: bytes) -> Wrapped:
        """Raises KeyUnavailable."""

    def unwrap(self, *, tenant_id: UUID, key_id: UUID, held: Wrapped) -> bytes:
        """Raises KeyUnavailable and SealBroken."""

    def forget(self, *, tenant_id: UUID) -> None:
        """Delete what is kept for this tenant alone. Raises KeyUnavailable and KeyKept."""


def bound_to(tenant_id: UUID, key_id: UUID) -> bytes:
    """What a wrapped data key is authenticated with."""
    return b"aerodrome data key" + tenant_id.bytes + key_id.bytes


@dataclass(frozen=True)
class _Key:
    id: str
    cipher: AESGCM

    @classmethod
    def read(cls, text: str) -> _Key:
        try:
            key = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise EncryptionKeyMalformed(
                "AERODROME_ENCRYPTION_KEY must be 32 random bytes in base64: `openssl rand -base64 32`."
            )
        return cls(id=hashlib.sha256(b"aerodrome key id" + key).hexdigest()[:16], cipher=AESGCM(key))


class LocalKeys:
    """Key-encryption keys from the settings: `current` wraps, `previous` only open (AES-256-GCM)."""

    def __init__(self, *, current: str, previous: tuple[str, ...] = ()) -> None:
        """From base64 of 32 bytes each, standard or URL-safe. Raises EncryptionKeyMalformed."""
        self._current = _Key.read(current)
        self._all = {key.id: key for key in (*map(_Key.read, previous), self._current)}

    def is_current(self, kek_id: str) -> bool:
        """See the contract."""
        return kek_id == self._current.id

    def wrap(self, *, tenant_id: UUID, key_id: UUID, key: bytes) -> Wrapped:
        """See the contract. Never raises."""
        nonce = os.urandom(_NONCE)
        sealed = self._current.cipher.encrypt(nonce, key, bound_to(tenant_id, key_id))
        return Wrapped(self._current.id, VERSION + nonce + sealed)

    def unwrap(self, *, tenant_id: UUID, key_id: UUID, held: Wrapped) -> bytes:
        """See the contract."""
        known = self._all.get(held.kek_id)
        if known is None:
            raise KeyUnavailable(
                f"data key {key_id} was wrapped with encryption key {held.kek_id}, AERODROME_ENCRYPTION_KEY is "
                f"{self._current.id}: start with the key that this database was written with, or name it in "
                "AERODROME_ENCRYPTION_KEYS_PREVIOUS."
            )
        nonce, body = held.wrapped[1 : 1 + _NONCE], held.wrapped[1 + _NONCE :]
        try:
            if held.wrapped[:1] != VERSION:
                raise SealBroken(f"data key {key_id}: a format this release does not know")
            return known.cipher.decrypt(nonce, body, bound_to(tenant_id, key_id))
        except (InvalidTag, ValueError):
            raise SealBroken(f"data key {key_id} was changed, or belongs to another tenant") from None

    def forget(self, *, tenant_id: UUID) -> None:
        """See the contract. Tenants have no key of their own here; what it wrapped is gone with its rows."""
