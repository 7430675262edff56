"""A tenant's bare repository on this machine: made on first use, locked while it is pushed to.

`refs/aerodrome/published` names the last commit that became a bundle version. It is hidden from clients, and
moved only after the version's transaction is committed: a branch head that differs from it has not been
published yet, whatever happened in between.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.conf import settings

from controlplane.bundles import check_push
from controlplane.bundles.git import GitFailed, run_git
from controlplane.bundles.refusal import size_text

PUBLISHED = "refs/aerodrome/published"
_LOOK_SECONDS = 0.05
DEFAULT_BRANCHES = ("main", "master")


class RepositoryFull(RuntimeError):
    """The repository with its history has reached the limit."""


class RepositoryBusy(RuntimeError):
    """Somebody else is pushing to this repository right now."""


def repository_path(*, tenant_id: UUID) -> Path:
    """Where the tenant's repository lies or would lie."""
    return Path(settings.GIT_DIR) / f"{tenant_id}.git"


def open_repository(*, tenant_id: UUID) -> Path:
    """The tenant's repository, made when there is none. Two at once make one."""
    path = repository_path(tenant_id=tenant_id)
    if (path / "HEAD").is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
    try:
        run_git(
            "init", "--quiet", "--bare", "--template=", "--initial-branch=main", str(made), repository=made
        )
        try:
            made.rename(path)
        except OSError:
            if not (path / "HEAD").is_file():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return path


def hooks_folder() -> Path:
    """The folder with our only hook, outside every repository; written anew when it is not as it should be."""
    folder = Path(settings.GIT_DIR) / "hooks"
    hook = folder / "pre-receive"
    wanted = f'#!/bin/sh\nexec "{sys.executable}" -I "{Path(check_push.__file__).resolve()}"\n'
    if not hook.is_file() or hook.read_text(encoding="utf-8") != wanted:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(wanted)
        Path(temporary).chmod(0o755)
        Path(temporary).replace(hook)
    return folder


@contextmanager
def locked(*, repository: Path, seconds: float) -> Iterator[None]:
    """One pusher at a time. Raises `RepositoryBusy` when another has it for longer than `seconds`."""
    deadline = time.monotonic() + seconds
    with (repository / "aerodrome.lock").open("ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise RepositoryBusy("another push to this repository is under way; push again") from None
                time.sleep(_LOOK_SECONDS)
        yield


def held_bytes(*, repository: Path) -> int:
    """What its packs take."""
    packs = repository / "objects" / "pack"
    return sum(entry.stat().st_size for entry in os.scandir(packs)) if packs.is_dir() else 0


def check_room(*, repository: Path) -> None:
    """Raise `RepositoryFull` when no more may be pushed. Everything pushed is kept in packs."""
    held = held_bytes(repository=repository)
    if held > settings.GIT_MAX_BYTES:
        raise RepositoryFull(
            f"the repository holds {size_text(held)}, more than {size_text(settings.GIT_MAX_BYTES)}; "
            "ask the platform's operator to start it anew or to raise AERODROME_GIT_MAX_BYTES"
        )


def read_heads(*, repository: Path) -> dict[str, str]:
    """Branch -> commit, and `PUBLISHED` -> commit when there is one."""
    told = run_git(
        "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", PUBLISHED, repository=repository
    )
    pairs = (line.split(" ", 1) for line in told.splitlines())
    return {ref.removeprefix("refs/heads/"): commit for commit, ref in pairs}


def deployed_branches(*, chosen: str | None) -> tuple[str, ...]:
    """Branches that may be deployed: the tenant's choice, or `main`, or else `master`."""
    return (chosen,) if chosen else DEFAULT_BRANCHES


def deployed_branch(*, heads: dict[str, str], chosen: str | None) -> str:
    """The branch that is deployed, given which exist."""
    wanted = deployed_branches(chosen=chosen)
    return next((branch for branch in wanted if branch in heads), wanted[0])


def mark_published(*, repository: Path, commit: str) -> None:
    """Remember that `commit` is a bundle version."""
    run_git("update-ref", PUBLISHED, commit, repository=repository)


def point_head(*, repository: Path, branch: str) -> None:
    """What a clone checks out."""
    try:
        run_git("symbolic-ref", "HEAD", f"refs/heads/{branch}", repository=repository)
    except GitFailed:
        return  # a branch name that git does not take as HEAD: clones then choose for themselves
