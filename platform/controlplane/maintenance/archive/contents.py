"""What an archive is: a zip file of these members, and why one is refused.

    manifest.json            format, release, schema, tenant, tables with rows and SHA-256, secrets
    tables/<table>.ndjson    a row a line: column -> Postgres' own text form of the value, or null
    logs/<path>              as in the store, below the tenant
    xcoms/<id>.json          values that are too large for a row
    bundles/<digest>.tar     artefacts
    repository.bundle        Git's own form of the repository with all branches and tags

A sealed column's value is `sealed:` and base64 of what the passphrase seals (`sealing.py`), or null: left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

FORMAT = "aerodrome-tenant"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
REPOSITORY = "repository.bundle"


class ArchiveUnusable(ValueError):
    """It is no archive, damaged, or not of this release; nothing was put anywhere."""


class PassphraseWrong(ValueError):
    """The archive's secrets do not open with this passphrase, or it wants one."""


@dataclass(frozen=True)
class TableSaid:
    """Of one table."""

    rows: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`tenant`: id, slug, name, environment, settings. `secrets`: `sealed`, `left out`, or `none` were there."""

    release: str
    schema: str
    taken_at: str
    tenant: dict[str, Any]
    tables: dict[str, TableSaid]
    secrets: str
    sealing: dict[str, Any] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Objects that rows name and that were not there."""
    format: str = FORMAT
    format_version: int = FORMAT_VERSION


def read_manifest(raw: bytes, *, release: str, schema: str) -> Manifest:
    """Raises ArchiveUnusable."""
    try:
        head = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise ArchiveUnusable(f"the manifest is damaged: {error}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise ArchiveUnusable("this is not the archive of a tenant")
    if head.get("format_version") != FORMAT_VERSION:
        raise ArchiveUnusable(
            f"the archive has format {head.get('format_version')}, and this release reads {FORMAT_VERSION}"
        )
    theirs = (head.get("release"), head.get("schema"))
    if theirs != (release, schema):
        raise ArchiveUnusable(
            f"the archive is of release {theirs[0]} with schema {theirs[1]}, and this is {release} with "
            f"{schema}: export it again with this release"
        )
    try:
        return msgspec.json.decode(raw, type=Manifest)
    except msgspec.ValidationError as error:
        raise ArchiveUnusable(f"the manifest is damaged: {error}") from error
