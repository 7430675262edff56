"""A Git host that is reached by SSH: asyncssh with keys of its own, and git's own server side behind it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

_COMMAND = re.compile(r"^git[- ]upload-pack '([A-Za-z0-9/._-]+)'$")


@dataclass
class SshGitHost:
    """`url` of `owner/dags.git` below `folder`. `client_key` opens it; `host_line` is what known_hosts must say."""

    url: str
    client_key: str
    host_line: str
    sessions: list[str] = field(default_factory=list)
    """The command of each session that was opened."""


def new_key() -> asyncssh.SSHKey:
    return asyncssh.generate_private_key("ssh-ed25519")


def private_text(key: asyncssh.SSHKey) -> str:
    return key.export_private_key("openssh").decode()


def public_text(key: asyncssh.SSHKey) -> str:
    """`ssh-ed25519 AAAA…`"""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


@contextlib.contextmanager
def ssh_git_host(folder: Path) -> Iterator[SshGitHost]:
    """Serves bare repositories below `folder` until the block ends, to who holds the one key."""
    host_key, client_key = new_key(), new_key()
    keys = asyncssh.import_authorized_keys(public_text(client_key))
    loop = asyncio.new_event_loop()

    async def serve(process: Any) -> None:
        command = str(process.command)
        host.sessions.append(command)
        asked = _COMMAND.match(command)
        if asked is None:
            process.exit(1)
            return
        git = await asyncio.create_subprocess_exec(
            "git", "-c", "safe.directory=*", "upload-pack", str(folder / asked[1].lstrip("/")),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await process.redirect(stdin=git.stdin, stdout=git.stdout, stderr=git.stderr)
        process.exit(await git.wait())
        await process.wait_closed()

    async def start() -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host_key],
            authorized_client_keys=keys,
            process_factory=serve,
            encoding=None,
            password_auth=False,
            kbdint_auth=False,
        )

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    port = server.sockets[0].getsockname()[1]
    host = SshGitHost(
        url=f"ssh://git@127.0.0.1:{port}/owner/dags.git",
        client_key=private_text(client_key),
        host_line=f"[127.0.0.1]:{port} {public_text(host_key)}",
    )

    async def stop() -> None:
        server.close()
        await server.wait_closed()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    try:
        yield host
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
