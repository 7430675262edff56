"""Writes a tenant's archive: rows as they were at one instant, then the objects that they name, then the manifest.

The rows are read in one transaction that sees one instant, while the tenant goes on; the few tables that only the
application's role may read come right after it. Objects are never changed, so what a row names can be read later; one
that was deleted in between is named in the manifest. Nothing is held in memory but one batch.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connections
from django.db.models import Model, TextField
from django.db.models.functions import Cast

from controlplane.bundles.artefact import artefact_path
from controlplane.bundles.git import git_environment
from controlplane.bundles.repository import repository_path
from controlplane.execution import logs
from controlplane.ledger.models.callback import Callback
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.maintenance.archive import fates
from controlplane.maintenance.archive.contents import MANIFEST, REPOSITORY, Manifest, TableSaid
from controlplane.maintenance.archive.release import release, schema
from controlplane.maintenance.archive.sealing import Sealing
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from controlplane.secrets.rotate import sealed_columns
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

BATCH = 500
_NAMES = ("key", "conn_id", "name", "url", "number")
"""How a row with a secret is told to people: the first of these that it has."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ExportFailed(RuntimeError):
    """It could not be written; the message says why."""


@dataclass(frozen=True)
class Exported:
    """What was written."""

    path: Path
    manifest: Manifest
    size: int
    sha256: str


@dataclass
class _Writing:
    tenant: Tenant
    archive: zipfile.ZipFile
    sealing: Sealing | None
    stores: tuple[Path, ...]
    """Where objects are looked for, in this order."""
    tables: dict[str, TableSaid] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    digests: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    had_secrets: bool = False


def export_tenant(
    *,
    tenant: Tenant,
    target: Path,
    passphrase: str | None,
    now: datetime,
    stores: tuple[Path, ...] = (),
    repositories: Path | None = None,
) -> Exported:
    """Write the archive to `target`, which must not exist. Without a passphrase secrets are left out, and named.

    `stores`, `repositories`: further places of objects and Git repositories (those of a backup). Raises
    PassphraseWeak, SealBroken, KeyUnavailable, ExportFailed, FileExistsError.
    """
    sealing = Sealing(passphrase=passphrase) if passphrase is not None else None
    work = target.with_name(f".{target.name}.new")
    try:
        with (
            work.open("xb") as out,
            zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):
            os.fchmod(out.fileno(), 0o600)
            writing = _Writing(tenant, archive, sealing, (Path(settings.STORE_DIR), *stores))
            _write_rows(writing)
            _write_objects(writing)
            _write_repository(writing, repositories)
            manifest = _manifest(writing, now)
            archive.writestr(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        os.link(work, target)  # unlike a rename it writes over nothing
    finally:
        work.unlink(missing_ok=True)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Exported(target, manifest, target.stat().st_size, digest)


@contextmanager
def one_instant(alias: str) -> Iterator[None]:
    """Transactions of this connection see one instant each (REPEATABLE READ), for the block. For the scheduler's
    connections, which no transaction pooler stands before: the setting is the session's."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET default_transaction_isolation")


def _write_rows(writing: _Writing) -> None:
    for alias, instant in (("scheduler", one_instant("scheduler")), ("default", nullcontext())):
        with instant, tenant_scope(writing.tenant.id, using=alias):
            for table, model in fates.archived().items():
                if fates.reader(model) == alias:
                    _write_table(writing, table, model, alias)
            if alias == "scheduler":
                _write_logs(writing)


def _write_table(writing: _Writing, table: str, model: type[Model], alias: str) -> None:
    names = [field.column for field in fates.columns(model)]
    sealed = {column for owner, column in sealed_columns() if owner is model}
    cannot_be_empty = {
        field.column for field in fates.columns(model) if field.column in sealed and not field.null
    }
    sha, count = hashlib.sha256(), 0
    with writing.archive.open(f"tables/{table}.ndjson", "w", force_zip64=True) as out:
        for values in _rows(model, alias, writing.tenant.id):
            row = dict(zip(names, values, strict=True))
            if table == "errand" and row["kind"] not in fates.ERRANDS:
                continue
            if sealed and not _seal(writing, table, row, sealed, cannot_be_empty, alias):
                continue
            if table == "bundle_version" and row["digest"]:
                writing.digests.add(row["digest"])
            if table == "xcom" and row["kept_as"]:
                writing.kept.add(row["kept_as"])
            line = msgspec.json.encode(row) + b"\n"
            out.write(line)
            sha.update(line)
            count += 1
    writing.tables[table] = TableSaid(count, sha.hexdigest())


def _rows(model: type[Model], alias: str, tenant_id: UUID) -> Iterator[tuple[str | None, ...]]:
    """Postgres' own text of each value: the one form that comes back as it was."""
    texts = {f"as_text_{at}": Cast(field.name, TextField()) for at, field in enumerate(fates.columns(model))}
    rows: Any = model._default_manager.using(alias).filter(tenant_id=tenant_id).order_by("pk")
    yield from rows.annotate(**texts).values_list(*texts).iterator(chunk_size=BATCH)


def _seal(
    writing: _Writing, table: str, row: dict[str, Any], sealed: set[str], must: set[str], alias: str
) -> bool:
    """Replace the row's secrets by what the archive holds of them. False: without them there is no row."""
    for column in sorted(sealed):
        raw = bytes.fromhex((row[column] or "\\x")[2:])
        if not raw:
            continue
        writing.had_secrets = True
        if writing.sealing is None:
            name = next((str(row[one]) for one in _NAMES if row.get(one)), str(row["id"]))
            writing.left_out.append(f"{table}:{name}")
            row[column] = None
            if column in must:
                return False
            continue
        place = Place(tenant_id=writing.tenant.id, table=table, column=column, row_id=UUID(row["id"]))
        plain = store.current().open(sealed=raw, place=place, using=alias)
        row[column] = writing.sealing.seal(plain, table, column, place.row_id)
    return True


def _write_objects(writing: _Writing) -> None:
    for digest in sorted(writing.digests):
        if _DIGEST.fullmatch(digest):
            inside = artefact_path(digest).relative_to(settings.STORE_DIR)
            _write_object(writing, str(inside), f"bundles/{digest}.tar")
    for key in sorted(writing.kept):
        tenant, _, name = key.partition("/")
        if tenant == str(writing.tenant.id) and "/" not in name:
            _write_object(writing, f"xcoms/{key}", f"xcoms/{name}")


def _write_logs(writing: _Writing) -> None:
    """Of the tries that the rows know. What a later try wrote belongs to no row of that instant, and stays away."""
    tenant_id = writing.tenant.id
    tries = TaskInstance.objects.using("scheduler").filter(tenant_id=tenant_id, try_number__gt=0)
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    for dag_id, run_id, task_id, map_index, last in tries.values_list(*names).iterator(chunk_size=BATCH):
        for number in range(1, last + 1):
            _write_log(writing, logs.log_key(
                tenant_id=tenant_id, dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index,
                try_number=number,
            ))  # fmt: skip
    calls = Callback.objects.using("scheduler").filter(tenant_id=tenant_id, fence__gt=0)
    for call in calls.values_list("id", "dag_id", "run_id", "fence").iterator(chunk_size=BATCH):
        key = logs.callback_log_key(
            tenant_id=tenant_id, callback_id=call[0], dag_id=call[1], run_id=call[2], claim=call[3]
        )
        _write_log(writing, key)


def _write_log(writing: _Writing, key: str) -> None:
    """A try that wrote nothing has none."""
    for place in writing.stores:
        try:
            _write_file(writing.archive, place / "logs" / key, f"logs/{key.partition('/')[2]}")
            return
        except FileNotFoundError:
            continue


def _write_object(writing: _Writing, inside: str, name: str) -> None:
    for place in writing.stores:
        try:
            _write_file(writing.archive, place / inside, name)
            return
        except FileNotFoundError:
            continue
    writing.missing.append(name)


def _write_file(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    with path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size
        with archive.open(name, "w", force_zip64=True) as out:
            while left and (piece := file.read(min(1 << 20, left))):
                out.write(piece)
                left -= len(piece)


def _write_repository(writing: _Writing, repositories: Path | None) -> None:
    """Nothing when there is no commit: Git refuses to make an empty bundle."""
    repository = repository_path(tenant_id=writing.tenant.id)
    if repositories is not None and (repositories / repository.name).is_dir():
        repository = repositories / repository.name
    if not (repository / "HEAD").is_file():
        return
    git = ("git", "--git-dir", str(repository))
    environment = git_environment(configuration={"safe.directory": "*"})
    refs = subprocess.run(
        [*git, "for-each-ref", "--count=1"], env=environment, capture_output=True, check=False
    )
    if not refs.stdout.strip():
        return
    with writing.archive.open(REPOSITORY, "w", force_zip64=True) as out:
        with subprocess.Popen(
            [*git, "bundle", "create", "--quiet", "-", "--all"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as made:  # fmt: skip
            assert made.stdout is not None and made.stderr is not None
            while piece := made.stdout.read(1 << 20):
                out.write(piece)
            said = made.stderr.read().decode(errors="replace")
    if made.returncode != 0:
        raise ExportFailed(f"the repository cannot be bundled: {said.strip()[-500:]}")


def _manifest(writing: _Writing, now: datetime) -> Manifest:
    tenant = writing.tenant
    said = "none" if not writing.had_secrets else "sealed" if writing.sealing else "left out"
    return Manifest(
        release=release(),
        schema=schema(),
        taken_at=now.isoformat(),
        tenant={
            "id": str(tenant.id),
            "slug": tenant.slug,
            "name": tenant.name,
            "environment": tenant.environment,
            "max_active_tasks": tenant.max_active_tasks,
            "settings": tenant.settings,
        },
        tables=writing.tables,
        secrets=said,
        sealing=writing.sealing.said() if writing.sealing else {},
        left_out=sorted(writing.left_out),
        missing=writing.missing,
    )
