"""Chooses the system account that an embedded server runs under, and checks what it can reach.

Postgres refuses to run as root, and no server should. Started by root, each server gets a system account of
its own, made on first use; started by anyone else, it runs as that user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FALLBACK_ACCOUNT = "nobody"


class FolderOutOfReach(Exception):
    """The server's account cannot pass through a folder on the way to its files."""


@dataclass(frozen=True)
class ServerAccount:
    """Who a server runs as. ``switches``: the launcher must change to that account when it starts one."""

    name: str
    uid: int
    gid: int
    switches: bool

    def popen_arguments(self) -> dict[str, Any]:
        """What ``subprocess`` needs to run a program under this account."""
        if not self.switches:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def choose_account(*, name: str) -> ServerAccount:
    """The account for a server: ``name`` (created if absent) for root, otherwise the caller's own."""
    if os.geteuid() != 0:
        return own_account()
    found = _find(name) or _create(name) or _find(FALLBACK_ACCOUNT)
    if found is None:
        raise FolderOutOfReach(
            f"this machine has no account {name}, none could be made with useradd, and there is no "
            f"'{FALLBACK_ACCOUNT}': make one (`useradd --system {name}`) or start as an ordinary user"
        )
    return found


def own_account() -> ServerAccount:
    """The caller's own account. It may have no name (a container's arbitrary uid)."""
    uid = os.geteuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return ServerAccount(name=name, uid=uid, gid=os.getegid(), switches=False)


def require_reachable(*, folder: Path, account: ServerAccount) -> None:
    """Raises ``FolderOutOfReach`` naming the first folder on the way that shuts the account out."""
    blocked = first_blocked_folder(folder=folder, account=account)
    if blocked is not None:
        raise FolderOutOfReach(
            f"the account {account.name} cannot pass through {blocked} to {folder}: "
            f"run `chmod o+x {blocked}`, or set AERODROME_DATA to a folder below /var/lib"
        )


def first_blocked_folder(*, folder: Path, account: ServerAccount) -> Path | None:
    """The first existing folder from the root down to ``folder`` without search permission, or None."""
    if not account.switches:
        return None
    resolved = folder.resolve()
    for step in (*reversed(resolved.parents), resolved):
        try:
            status = step.stat()
        except FileNotFoundError:
            return None
        if not _may_search(status, account):
            return step
    return None


def _may_search(status: os.stat_result, account: ServerAccount) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _find(name: str) -> ServerAccount | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServerAccount(name=name, uid=entry.pw_uid, gid=entry.pw_gid, switches=True)


def _create(name: str) -> ServerAccount | None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        return None
    arguments = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    subprocess.run([*arguments, "--shell", "/usr/sbin/nologin", name], capture_output=True, check=False)
    return _find(name)  # also finds what a start beside this one has made
