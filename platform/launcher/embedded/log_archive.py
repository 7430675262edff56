"""The archive of the database's log: each closed segment, compressed, under a name that is not seen half written.

A segment is closed after a minute at the latest when anything was written, so at most a minute of committed work is
outside of the archive. An archived segment is never written over: the same one again is well, another one is refused,
and the server keeps it until somebody looks. Source: PostgreSQL documentation, "Continuous Archiving".
"""

from __future__ import annotations

import os
from pathlib import Path

from launcher.embedded.accounts import require_reachable
from launcher.embedded.postgres import PostgresCluster

CLOSE_SECONDS = 60


def archive_settings(*, folder: Path) -> str:
    """Lines for the server's settings. The path holds no character that a shell or the server would read."""
    there, part = f"{folder}/%f.gz", f"{folder}/.%f.part"
    command = (
        f"if test -f {there}; then gzip -dc {there} | cmp -s - %p; "
        f"else gzip -c %p > {part} && sync {part} && mv {part} {there}; fi"
    )
    return f"archive_mode = on\narchive_timeout = {CLOSE_SECONDS}\narchive_command = '{command}'"


def make_archive(*, folder: Path, cluster: PostgresCluster) -> None:
    """The folder, owned by the server's account. Raises FolderOutOfReach."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if cluster.account.switches:
        os.chown(folder, cluster.account.uid, cluster.account.gid)
    require_reachable(folder=folder, account=cluster.account)
