"""Reads whole chains from the database, in bounded pieces, and holds them against their checkpoints.

A tenant's chain is read as the application's role in the tenant's scope, the platform's as the sign-in role: no role
reads all at once. Called by the `verify_audit` command, the portal and the export.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from django.conf import settings
from django.db import connections

from tenants.audit import checkpoint
from tenants.audit.checkpoint import CheckpointStore
from tenants.audit.checkpoint_files import CheckpointFiles
from tenants.audit.entry import FIELDS, PLATFORM
from tenants.audit.verify import Verdict, last_cut, verify_chain
from tenants.models.audit_row import AuditRow, PlatformAuditRow
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

_END: Final = "-----END PUBLIC KEY-----"
PIECE: Final = 5000
"""Rows per statement and transaction."""
_COLUMNS: Final = (*FIELDS, "seq", "prev", "digest", "hash")
_TenantRow = namedtuple("_TenantRow", _COLUMNS)  # type: ignore[misc]  # the columns are a constant
_PlatformRow = namedtuple("_PlatformRow", (*_COLUMNS, "organisation_id"))  # type: ignore[misc]
_HASHED: Final = {
    "id": "id::text",
    "organisation_id": "organisation_id::text",
    "at": """CASE WHEN at >= '0001-01-01'
        THEN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') END AS at""",
}
"""Columns as their texts under the digest: made by the database they cost a fraction of what they cost here. An instant
that Python has no text for (before Christ, infinite) is none: no row was written with one."""


def _statements(columns: tuple[str, ...], source: str) -> tuple[str, str]:
    """For rows as they are, and as they are hashed."""
    texts = [_HASHED.get(name, name) for name in columns]
    return tuple(f"SELECT {', '.join(each)} FROM {source}" for each in (columns, texts))  # type: ignore[return-value]  # noqa: S608


_READ: Final = _statements(_COLUMNS, "audit_row WHERE tenant_id = %s AND seq > %s ORDER BY seq LIMIT %s")
_READ_PLATFORM: Final = _statements(
    (*_COLUMNS, "organisation_id"), "platform_audit_row WHERE seq > %s ORDER BY seq LIMIT %s"
)


class ChainUnknown(LookupError):
    """No tenant of this name."""


def checkpoint_store() -> CheckpointStore:
    """Where this installation keeps them: a bucket, where one is named, or a folder."""
    if settings.AUDIT_BUCKET["url"]:
        return _bucket(tuple(settings.AUDIT_BUCKET.items()))
    return CheckpointFiles(root=Path(settings.AUDIT_CHECKPOINTS))


@cache
def _bucket(given: tuple[tuple[str, Any], ...]) -> CheckpointStore:
    # Loaded where there is a bucket: the library takes 30 MB.
    from tenants.audit.checkpoint_bucket import CheckpointBucket

    return CheckpointBucket(**dict(given))


@cache
def _key(pem: str) -> Ed25519PrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("AERODROME_SIGNING_KEY must be an Ed25519 private key in PEM")
    return key


def signing_key() -> Ed25519PrivateKey:
    """The installation's key."""
    return _key(settings.SIGNING_KEY)


def verifying_keys() -> tuple[Ed25519PublicKey, ...]:
    """Whose signatures hold, oldest first: former keys, and the installation's."""
    return *_former(settings.SIGNING_KEYS_PREVIOUS), signing_key().public_key()


@cache
def _former(text: str) -> tuple[Ed25519PublicKey, ...]:
    found = []
    for part in text.split(_END)[:-1]:
        key = load_pem_public_key(f"{part.strip()}\n{_END}\n".encode())
        if not isinstance(key, Ed25519PublicKey):
            raise TypeError("AERODROME_SIGNING_KEYS_PREVIOUS must be Ed25519 public keys in PEM")
        found.append(key)
    if text.strip() and (not found or text.rpartition(_END)[2].strip()):
        raise TypeError("AERODROME_SIGNING_KEYS_PREVIOUS must be Ed25519 public keys in PEM")
    return tuple(found)


def all_chains(store: CheckpointStore) -> list[UUID]:
    """The platform's, every tenant's, and those of deleted tenants that have checkpoints."""
    known = list(Tenant.objects.using("auth").order_by("id").values_list("id", flat=True))
    gone = [chain for chain in store.chains() if chain != PLATFORM and chain not in set(known)]
    return [PLATFORM, *known, *gone]


def find_chain(name: str) -> UUID:
    """The chain of a tenant's slug or id, or of `platform`. Raises ChainUnknown."""
    if name == "platform":
        return PLATFORM
    found = Tenant.objects.using("auth").filter(slug=name).values_list("id", flat=True).first()
    try:
        return found or UUID(name)
    except ValueError as error:
        raise ChainUnknown(f"there is no tenant '{name}'") from error


def verify(chain: UUID, *, store: CheckpointStore) -> Verdict:
    """One chain from the first row that is kept to its last."""
    points, wrong = checkpoint.read_all(store.read(chain=chain), chain=chain, keys=verifying_keys())
    cut = last_cut(points)
    return verify_chain(
        chain=chain,
        rows=each_row(chain, after=0 if cut is None else (cut.kept_from or 1) - 1, as_hashed=True),
        checkpoints=points,
        broken_checkpoint=wrong,
        find_follower=lambda prev: _follower(chain, prev),
    )


def each_row(chain: UUID, *, after: int = 0, as_hashed: bool = False) -> Iterator[Any]:
    """The chain's rows in order, a piece in memory at a time."""
    while True:
        piece = read_piece(chain, after=after, most=PIECE, as_hashed=as_hashed)
        yield from piece
        if len(piece) < PIECE:
            return
        after = piece[-1].seq


def read_piece(
    chain: UUID, *, after: int, most: int = PIECE, using: str = "default", as_hashed: bool = False
) -> list[Any]:
    """At most `most` rows behind `after`: plain tuples with names, as whole chains are read here. `as_hashed`: ids and
    instants are the texts that are under the digest."""
    if chain == PLATFORM:
        with connections["auth"].cursor() as cursor:
            cursor.execute(_READ_PLATFORM[as_hashed], [after, most])
            return list(map(_PlatformRow._make, cursor.fetchall()))
    with tenant_scope(chain, using=using), connections[using].cursor() as cursor:
        cursor.execute(_READ[as_hashed], [chain, after, most])
        return list(map(_TenantRow._make, cursor.fetchall()))


def _follower(chain: UUID, prev: bytes) -> int | None:
    if chain == PLATFORM:
        rows = PlatformAuditRow.objects.using("auth").filter(prev=prev)
        return rows.order_by("seq").values_list("seq", flat=True).first()
    with tenant_scope(chain):
        own = AuditRow.objects.filter(tenant_id=chain, prev=prev)
        return own.order_by("seq").values_list("seq", flat=True).first()
