"""Secrets in an archive: sealed under a passphrase that its owner gives, or left out.

    key = scrypt(passphrase, salt), n 2^15, r 8, p 1
    value = AES-256-GCM(key, 96-bit random nonce), authenticated with table, column and the row's id

Source: RFC 7914; OWASP Password Storage Cheat Sheet, "scrypt".
"""

from __future__ import annotations

import base64
import os
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from controlplane.maintenance.archive.contents import ArchiveUnusable, PassphraseWrong

SHORTEST = 12
"""Characters of a passphrase: an archive can be tried at for ever."""
_COST = {"n": 2**15, "r": 8, "p": 1}
_CHECK = b"the passphrase is right"
_NONCE = 12
_MARK = "sealed:"


class PassphraseWeak(ValueError):
    """It is too short."""


class Sealing:
    """One archive's key."""

    def __init__(self, *, passphrase: str, said: dict[str, Any] | None = None) -> None:
        """`said`: of an archive that is read. Raises PassphraseWeak, PassphraseWrong, ArchiveUnusable."""
        if said is None and len(passphrase) < SHORTEST:
            raise PassphraseWeak(f"a passphrase has at least {SHORTEST} characters")
        try:
            salt = os.urandom(16) if said is None else base64.b64decode(said["salt"])
        except (KeyError, ValueError) as error:
            raise ArchiveUnusable("the archive does not say how its secrets are sealed") from error
        key = Scrypt(salt=salt, length=32, **_COST).derive(passphrase.encode())
        self._cipher = AESGCM(key)
        self._salt = salt
        if said is not None and self.open(str(said.get("check")), "", "", UUID(int=0)) != _CHECK:
            raise PassphraseWrong("this is not the passphrase of the archive")

    def said(self) -> dict[str, Any]:
        """For the manifest."""
        check = self.seal(_CHECK, "", "", UUID(int=0))
        return {"salt": base64.b64encode(self._salt).decode(), "check": check, "kdf": "scrypt", **_COST}

    def seal(self, plain: bytes, table: str, column: str, row_id: UUID) -> str:
        nonce = os.urandom(_NONCE)
        sealed = nonce + self._cipher.encrypt(nonce, plain, _bound(table, column, row_id))
        return _MARK + base64.b64encode(sealed).decode()

    def open(self, value: str, table: str, column: str, row_id: UUID) -> bytes:
        """Raises PassphraseWrong: another passphrase, another row, or changed."""
        try:
            sealed = base64.b64decode(value.removeprefix(_MARK), validate=True)
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(table, column, row_id))
        except (InvalidTag, ValueError):
            raise PassphraseWrong(
                "the archive's secrets do not open: another passphrase, or changed"
            ) from None


def _bound(table: str, column: str, row_id: UUID) -> bytes:
    return f"aerodrome-tenant\0{table}\0{column}\0{row_id}".encode()
