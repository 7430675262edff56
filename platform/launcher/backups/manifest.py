"""What a backup says of itself. It is written last: a folder without it is a backup that did not end.

manifest.json        this
postgres/            a base backup, with its own manifest; or postgres.dump of an external server
files.ndjson         path, size and SHA-256 of each file below files/
files/<part>/        store (artefacts, logs, large XComs), git, audit-checkpoints
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from launcher.version import product_version

FORMAT = "aerodrome-backup"
FORMAT_VERSION = 1
NAME = "manifest.json"
LIST = "files.ndjson"
BASE, DUMP = "postgres", "postgres.dump"
_SCHEMA = ("tenants/migrations", "platform/controlplane/ledger/migrations")


class BackupUnusable(Exception):
    """It is no backup, not a whole one, or not of this release; the message says which."""


class BucketFailed(Exception):
    """The store of copies refused, or did not answer; the message says at what."""


class CopyNotMade(Exception):
    """The backup is whole where it is, and its copy is not; the message says what failed."""


@dataclass(frozen=True)
class Manifest:
    """`taken_at`: the instant that the database stands for. `keys`: fingerprints, never keys."""

    release: str
    schema: str
    taken_at: str
    database: dict[str, Any]
    """`kind` (`base` or `dump`), `version`, `digest` (SHA-256 of its own manifest, or of the dump)."""
    files: dict[str, Any]
    """`count`, `bytes`, `digest` (SHA-256 of the list)."""
    keys: dict[str, str]
    format: str = FORMAT
    format_version: int = FORMAT_VERSION

    @property
    def instant(self) -> datetime:
        return datetime.fromisoformat(self.taken_at)


def schema_digest(*, checkout: Path) -> str:
    """What the migrations are, in 16 digits: until a release they change under the same numbers."""
    sha = hashlib.sha256()
    for folder in _SCHEMA:
        for path in sorted((checkout / folder).iterdir()):
            if path.suffix in (".py", ".sql"):
                sha.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()[:16]


def write_manifest(*, folder: Path, manifest: Manifest) -> None:
    """Through a rename, after everything else."""
    temporary = folder / f".{NAME}.new"
    temporary.write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    temporary.rename(folder / NAME)


def read_manifest(*, folder: Path, checkout: Path) -> Manifest:
    """Of a backup that this release can bring back. Raises BackupUnusable."""
    try:
        said = json.loads((folder / NAME).read_text())
    except FileNotFoundError:
        raise BackupUnusable(f"{folder} holds no {NAME}: it is no backup, or one that did not end") from None
    except ValueError as error:
        raise BackupUnusable(f"{folder / NAME} is damaged: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BackupUnusable(f"{folder / NAME} is not the manifest of a backup")
    if said.get("format_version") != FORMAT_VERSION:
        raise BackupUnusable(
            f"the backup has format {said.get('format_version')}, and this release reads {FORMAT_VERSION}"
        )
    try:
        manifest = Manifest(**said)
    except TypeError as error:
        raise BackupUnusable(f"{folder / NAME} is damaged: {error}") from error
    ours = (product_version(checkout=checkout), schema_digest(checkout=checkout))
    if (manifest.release, manifest.schema) != ours:
        raise BackupUnusable(
            f"the backup is of release {manifest.release} with schema {manifest.schema}, and this is "
            f"{ours[0]} with {ours[1]}: restore with the release that made it, then upgrade"
        )
    return manifest
