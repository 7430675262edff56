"""Gives each embedded server a private folder for its unix socket, with a path the kernel accepts."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from launcher.embedded.accounts import ServerAccount

# sockaddr_un holds 108 bytes with the closing zero; the longest file name used is ".s.PGSQL.5432.lock".
LONGEST_FOLDER = 107 - len("/.s.PGSQL.5432.lock")


class SocketFolderTaken(Exception):
    """The folder for a socket belongs to someone else or is open to others."""


def private_folder(*, folder: Path, account: ServerAccount) -> Path:
    """Makes ``folder`` for ``account`` alone (0700) and returns it.

    A path too long for a unix socket is replaced by a short one below the temporary folder, the same for the
    same ``folder``. Raises ``SocketFolderTaken`` when the folder exists and is not the account's own.
    """
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"aerodrome-{digest}"
    try:
        folder.mkdir(mode=0o700)
        if account.switches:
            os.chown(folder, account.uid, account.gid)
    except FileExistsError:
        pass
    status = folder.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == account.uid
    if not ours or stat.S_IMODE(status.st_mode) & 0o077:
        raise SocketFolderTaken(
            f"{folder} is not a folder of the account {account.name} with mode 0700: "
            "remove it if nothing of yours uses it, then start again"
        )
    return folder
