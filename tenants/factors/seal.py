"""Encrypts what a second factor or an identity provider keeps, for one row: AES-256-GCM, the row as associated data.

The key is derived from the platform's key-encryption key, for this purpose alone (RFC 5869), so that a dump of
the database opens no account. A sealed text moved to another row does not open.
"""

from __future__ import annotations

import base64
import functools
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

_NONCE_BYTES = 12


class SealBroken(Exception):
    """Not sealed by this installation for this row: another key, another row, or altered."""


def seal(text: str, *, row: str) -> bytes:
    """`row`: what it is of, e.g. `sign_in_factor:<id>`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + _cipher(settings.ENCRYPTION_KEY).encrypt(nonce, text.encode(), row.encode())


def unseal(sealed: bytes | memoryview, *, row: str) -> str:
    """Raises SealBroken."""
    raw = bytes(sealed)
    try:
        opened = _cipher(settings.ENCRYPTION_KEY).decrypt(
            raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], row.encode()
        )
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"what {row} keeps cannot be opened with this installation's key") from error
    return opened.decode()


@functools.cache
def _cipher(key: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"aerodrome sign-in")
    return AESGCM(derived.derive(base64.b64decode(key)))
