"""Checkpoints: the installation's signature under a chain's newest row, written once, elsewhere than the database.

A checkpoint is one JSON text: chain, number, seq, hash, instant, the digest of the checkpoint before, and an Ed25519
signature over all of it with the key `AERODROME_SIGNING_KEY` (the same key as for tokens; the words under the
signature begin with a label of their own, so that nothing signed for one purpose passes for another).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tenants.audit.entry import canonical

_LABEL: Final = b"aerodrome audit checkpoint v1\n"


class CheckpointBroken(ValueError):
    """Not a checkpoint of this installation, or not as it was signed."""


class CheckpointThere(FileExistsError):
    """There is a checkpoint of this number already: somebody else was quicker."""


class CheckpointStore(Protocol):
    """Where checkpoints are kept. Bodies: `checkpoint_files.py`, and a bucket. Each is written once."""

    def put(self, *, chain: UUID, number: int, text: str) -> None:
        """It outlives a crash from here on. Raises CheckpointThere."""

    def read(self, *, chain: UUID) -> list[tuple[int, str]]:
        """(number, text) of every checkpoint of the chain, by number."""

    def get(self, *, chain: UUID, number: int) -> str | None:
        """The text of one; None when there is none."""

    def chains(self) -> list[UUID]:
        """Every chain that has one."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What was signed. `before`: digest of the checkpoint before, empty for the first. `kept_from`: rows before that
    one, which an earlier checkpoint signed, are kept no longer; None where it says nothing of it."""

    chain: UUID
    number: int
    seq: int
    hash: bytes
    at: datetime
    before: str
    kept_from: int | None = None

    def words(self) -> dict[str, object]:
        words: dict[str, object] = {
            "chain": str(self.chain),
            "number": self.number,
            "seq": self.seq,
            "hash": self.hash.hex(),
            "at": self.at.isoformat(),
            "before": self.before,
        }
        return words if self.kept_from is None else {**words, "kept_from": self.kept_from}


def sign(checkpoint: Checkpoint, *, key: Ed25519PrivateKey) -> str:
    """The text to keep."""
    words = checkpoint.words()
    signature = key.sign(_LABEL + canonical(words).encode())
    return canonical({**words, "signature": base64.b64encode(signature).decode()})


def digest_of_text(text: str) -> str:
    """How the next checkpoint names this one."""
    return hashlib.sha256(text.strip().encode()).hexdigest()


def read(text: str, *, keys: Sequence[Ed25519PublicKey]) -> Checkpoint:
    """Signed with one of `keys`. Raises CheckpointBroken."""
    return _read(text, keys)[0]


def _read(text: str, keys: Sequence[Ed25519PublicKey]) -> tuple[Checkpoint, int]:
    """With the place of the key."""
    try:
        given = json.loads(text)
        signature = base64.b64decode(given.pop("signature"), validate=True)
        signer = _signer(signature, _LABEL + canonical(given).encode(), keys)
        point = Checkpoint(
            chain=UUID(given["chain"]),
            number=int(given["number"]),
            seq=int(given["seq"]),
            hash=bytes.fromhex(given["hash"]),
            at=datetime.fromisoformat(given["at"]),
            before=str(given["before"]),
            kept_from=None if given.get("kept_from") is None else int(given["kept_from"]),
        )
        return point, signer
    except InvalidSignature as error:
        raise CheckpointBroken("its signature is not this installation's") from error
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise CheckpointBroken(f"it cannot be read: {type(error).__name__}") from error


def _signer(signature: bytes, words: bytes, keys: Sequence[Ed25519PublicKey]) -> int:
    """The newest key that it was made with. Raises InvalidSignature."""
    for place in reversed(range(len(keys))):
        try:
            keys[place].verify(signature, words)
        except InvalidSignature:
            continue
        return place
    raise InvalidSignature


def read_all(
    texts: list[tuple[int, str]], *, chain: UUID, keys: Sequence[Ed25519PublicKey]
) -> tuple[list[Checkpoint], str | None]:
    """The good ones by number, and what is wrong with the first bad one, if any is. `keys`: oldest first; behind a
    checkpoint that one of them signed, an older one signs nothing any more: a key that was taken away forges no news."""
    good: list[Checkpoint] = []
    wrong: str | None = None
    before, expected = "", 1
    for number, text in texts:
        try:
            point, signer = _read(text, keys)
            if point.chain != chain or point.number != number:
                raise CheckpointBroken("it belongs to another place")
        except CheckpointBroken as error:
            wrong = wrong or f"checkpoint {number}: {error}"
            before, expected = digest_of_text(text), number + 1
            continue
        if number != expected:
            wrong = wrong or f"checkpoint {expected} is missing before checkpoint {number}"
        elif point.before != before:
            wrong = wrong or f"checkpoint {number} does not follow the one before it"
        good.append(point)
        keys = keys[signer:]
        before, expected = digest_of_text(text), number + 1
    return good, wrong
