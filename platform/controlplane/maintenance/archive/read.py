"""Reads an archive: the manifest at once, then tables a batch at a time, each held against its digest."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import msgspec

from controlplane.maintenance.archive import fates
from controlplane.maintenance.archive.contents import MANIFEST, ArchiveUnusable, Manifest, read_manifest
from controlplane.maintenance.archive.release import release, schema

LONGEST_LINE = 512 * 1024 * 1024
_BATCH_ROWS, _BATCH_BYTES = 500, 4 * 1024 * 1024

Row = dict[str, str | None]


@dataclass(frozen=True)
class Archive:
    """An open one of this release."""

    manifest: Manifest
    sha256: str
    file: zipfile.ZipFile

    @property
    def tenant_id(self) -> UUID:
        return UUID(self.manifest.tenant["id"])

    def batches(self, table: str) -> Iterator[list[Row]]:
        """The table's rows; columns are those that this release has. Raises ArchiveUnusable."""
        said = self.manifest.tables[table]
        wanted = {field.column for field in fates.columns(fates.archived()[table])}
        sha, count, size = hashlib.sha256(), 0, 0
        batch: list[Row] = []
        with self.open(f"tables/{table}.ndjson") as lines:
            for line in iter(lambda: lines.readline(LONGEST_LINE), b""):
                sha.update(line)
                try:
                    row = msgspec.json.decode(line, type=dict[str, str | None])
                except (msgspec.DecodeError, msgspec.ValidationError) as error:
                    raise ArchiveUnusable(f"tables/{table}.ndjson is damaged: {error}") from error
                if row.keys() != wanted:
                    raise ArchiveUnusable(f"tables/{table}.ndjson has other columns than the table")
                batch.append(row)
                count, size = count + 1, size + len(line)
                if len(batch) >= _BATCH_ROWS or size > _BATCH_BYTES:
                    yield batch
                    batch, size = [], 0
        if (count, sha.hexdigest()) != (said.rows, said.sha256):
            raise ArchiveUnusable(f"tables/{table}.ndjson is not as it was written: the archive is damaged")
        if batch:
            yield batch

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A member. Raises ArchiveUnusable when it is absent or damaged."""
        try:
            with self.file.open(name) as member:
                yield member
        except KeyError:
            raise ArchiveUnusable(f"the archive lacks {name}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ArchiveUnusable(f"{name} is damaged: {error}") from error

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.file.namelist() if name.startswith(prefix))

    def all_ids(self) -> set[int]:
        """The ids of all its rows."""
        found: set[int] = set()
        for table, model in fates.put_into_new().items():
            if any(field.primary_key for field in fates.columns(model)):
                for batch in self.batches(table):
                    try:
                        found.update(UUID(str(row["id"])).int for row in batch)
                    except ValueError as error:
                        raise ArchiveUnusable(f"tables/{table}.ndjson holds what is no id") from error
        return found


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """Raises ArchiveUnusable."""
    try:
        with path.open("rb") as raw:
            digest = hashlib.file_digest(raw, "sha256").hexdigest()
        with zipfile.ZipFile(path) as file:
            try:
                said = file.read(MANIFEST)
            except KeyError:
                raise ArchiveUnusable(f"{path} is not the archive of a tenant") from None
            manifest = read_manifest(said, release=release(), schema=schema())
            if manifest.tables.keys() != fates.archived().keys():
                raise ArchiveUnusable("the archive has other tables than this release")
            _check_tenant(manifest)
            yield Archive(manifest, digest, file)
    except FileNotFoundError:
        raise ArchiveUnusable(f"there is no file {path}") from None
    except zipfile.BadZipFile as error:
        raise ArchiveUnusable(f"{path} is not the archive of a tenant: {error}") from error


def _check_tenant(manifest: Manifest) -> None:
    wanted: dict[str, Any] = {
        "id": str, "slug": str, "name": str, "environment": str, "max_active_tasks": int, "settings": dict
    }  # fmt: skip
    for name, kind in wanted.items():
        if not isinstance(manifest.tenant.get(name), kind):
            raise ArchiveUnusable(f"the manifest does not say the tenant's {name}")
    try:
        UUID(manifest.tenant["id"])
    except ValueError:
        raise ArchiveUnusable("the manifest does not say the tenant's id") from None
