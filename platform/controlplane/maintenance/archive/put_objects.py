"""Puts an archive's objects where the tenant's are: checked names only, nothing outside of the tenant's own places."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings

from controlplane.bundles.artefact import artefact_path
from controlplane.bundles.git import git_environment
from controlplane.bundles.repository import open_repository, repository_path
from controlplane.execution import logs
from controlplane.maintenance.archive.contents import REPOSITORY, ArchiveUnusable
from controlplane.maintenance.archive.new_ids import NewIds
from controlplane.maintenance.archive.read import Archive

_PIECE = 1 << 20
_XCOM = re.compile(r"xcoms/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json)", re.ASCII)
_BUNDLE = re.compile(r"bundles/([0-9a-f]{64})\.tar", re.ASCII)
_CALLBACK = re.compile(r"~callback~([0-9a-f-]{36})")


def put_objects(archive: Archive, *, ids: NewIds) -> int:
    """Large XComs and artefacts; what is there already stays. How many. Raises ArchiveUnusable."""
    store = Path(settings.STORE_DIR)
    count = 0
    for name in archive.names("xcoms/"):
        found = _match(_XCOM, name)
        _put(archive, name, store / "xcoms" / str(ids.new) / found)
        count += 1
    for name in archive.names("bundles/"):
        digest = _match(_BUNDLE, name)
        _put(archive, name, artefact_path(digest), digest=digest)
        count += 1
    return count


def put_logs(archive: Archive, *, ids: NewIds) -> int:
    """Through the store's own door, which knows what a log's name is. Those that are there already stay."""
    count = 0
    for name in archive.names("logs/"):
        inside = _CALLBACK.sub(lambda found: f"~callback~{_id(ids, found[1])}", name.removeprefix("logs/"))
        offset = 0
        try:
            with archive.open(name) as member:
                while piece := member.read(_PIECE):
                    logs.append(key=f"{ids.new}/{inside}", offset=offset, data=piece)
                    offset += len(piece)
        except ValueError as error:
            raise ArchiveUnusable(f"{name} is not the name of a log") from error
        count += 1
    return count


def set_logs_aside(tenant_id: UUID, *, name: str) -> Path | None:
    """The tenant's logs under another name, beside the store's own folders; None when there were none."""
    there = Path(settings.STORE_DIR) / "logs" / str(tenant_id)
    if not there.is_dir():
        return None
    aside = Path(settings.STORE_DIR) / "replaced" / str(tenant_id) / name / "logs"
    aside.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if aside.exists():  # a run that died: what it set aside is the tenant's own
        shutil.rmtree(there)
        return aside
    there.rename(aside)
    return aside


def put_repository(archive: Archive, *, tenant_id: UUID) -> bool:
    """Into a repository that has no commit yet; one that has stays as it is. True when it was put."""
    if not archive.names(REPOSITORY):
        return False
    path = repository_path(tenant_id=tenant_id)
    if path.exists() and _refs(path):
        return False
    repository = open_repository(tenant_id=tenant_id)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as room:
        bundle = Path(room) / "bundle"
        with archive.open(REPOSITORY) as member, bundle.open("wb") as out:
            shutil.copyfileobj(member, out, _PIECE)
        environment = git_environment(configuration={"transfer.fsckObjects": "true"})
        environment["GIT_ALLOW_PROTOCOL"] = "file"
        done = subprocess.run(
            ["git", f"--git-dir={repository}", "fetch", "--quiet", "--no-tags", str(bundle), "+refs/*:refs/*"],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if done.returncode != 0:
        raise ArchiveUnusable(f"the archive's repository cannot be read: {done.stderr.strip()[-500:]}")
    return True


def _refs(path: Path) -> bool:
    done = subprocess.run(
        ["git", f"--git-dir={path}", "for-each-ref", "--count=1"],
        env=git_environment(configuration={}), capture_output=True, check=False,
    )  # fmt: skip
    return bool(done.stdout.strip())


def _put(archive: Archive, name: str, target: Path, *, digest: str | None = None) -> None:
    if target.exists():
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".new-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out, archive.open(name) as member:
            found = _copy(member, out)
            out.flush()
            os.fsync(out.fileno())
        if digest is not None and found != digest:
            raise ArchiveUnusable(f"{name} is not what its name says: the archive is damaged")
        Path(temporary).replace(target)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    sha = hashlib.sha256()
    while piece := source.read(_PIECE):
        sha.update(piece)
        target.write(piece)
    return sha.hexdigest()


def _match(pattern: re.Pattern[str], name: str) -> str:
    found = pattern.fullmatch(name)
    if found is None:
        raise ArchiveUnusable(f"the archive holds a member that no archive has: {name[:200]!r}")
    return found[1]


def _id(ids: NewIds, text: str) -> str:
    try:
        return str(ids.of(UUID(text)))
    except ValueError:
        return text
