"""Gives database roles and the embedded Valkey new passwords while the stack runs; no task fails of it.

Stopped anywhere, it is mended by running it again. A Postgres of your own needs --admin-url, and the four
AERODROME_DATABASE_*PASSWORD_FILE variables that the stack was started with.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from psycopg2.extensions import parse_dsn

from launcher.data_folder import FolderInUse
from launcher.embedded import postgres, valkey
from launcher.embedded.roles import DATABASE_VARIABLES, ROLES, change_password
from launcher.passwords import file_variable
from launcher.secret_files import random_password, read_secret, replace_secret
from launcher.settings import Settings, SettingWrong, read_settings
from launcher.status_file import read_status


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--admin-url",
        help="for a Postgres of your own: postgresql://… of somebody who may alter the four roles",
    )


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    settings = read_settings(environment=os.environ, checkout=checkout)
    status = read_status(data=settings.data, now=time.time())
    if status["state"] not in ("running", "degraded"):
        print("aerodrome: no stack runs here: start it with ./aerodrome up", file=sys.stderr)
        return 3
    with _alone(settings):
        for key, file in _files(settings).items():
            rotate_role(key=key, file=file, admin=_admin(settings, status, arguments.admin_url))
            print(f"{ROLES[key]}: a new password is in force, and in {file}")
        _rotate_valkey(settings, status)
    return 0


def rotate_role(*, key: str, file: Path, admin: Mapping[str, Any]) -> None:
    """A new password for one of ``ROLES``: into its file first, so that a crash before the server knows loses none.

    Processes that know the old one go on; the server takes either the one they know or the file's at every moment.
    """
    password = random_password().decode()
    replace_secret(path=file, secret=password)
    change_password(admin=admin, key=key, password=password)


def _files(settings: Settings) -> dict[str, Path]:
    if settings.database_urls is None:
        return {key: settings.data / "secrets" / f"postgres-{key}" for key in ROLES}
    missing = [
        file_variable(name) for name in DATABASE_VARIABLES.values() if name not in settings.password_files
    ]
    if missing:
        raise SettingWrong(
            f"passwords of your Postgres are in its addresses, where running processes cannot see them change: "
            f"set {', '.join(missing)} and restart once; see docs/runbooks/rotate-credentials.md"
        )
    return {key: settings.password_files[name] for key, name in DATABASE_VARIABLES.items()}


def _admin(settings: Settings, status: Mapping[str, Any], admin_url: str | None) -> dict[str, Any]:
    if settings.database_urls is not None:
        if not admin_url:
            raise SettingWrong(
                "the Postgres is your own: give --admin-url of somebody who may alter its roles"
            )
        return {"dbname": "postgres", **parse_dsn(admin_url)}
    where = parse_qs(urlsplit(status["database"]["app_url"]).query)
    secret = read_secret(path=settings.data / "secrets" / "postgres-superuser")
    server = {"host": where["host"][0], "port": where["port"][0], "dbname": "postgres"}
    return server | {"user": postgres.SUPERUSER, "password": secret}


def _rotate_valkey(settings: Settings, status: Mapping[str, Any]) -> None:
    if settings.redis_url is not None:
        print(
            "Redis is your own and was left as it is: let it take both passwords, write the new one into "
            "AERODROME_REDIS_PASSWORD_FILE, then take the old one away (docs/runbooks/rotate-credentials.md)"
        )
        return
    file = settings.data / "secrets" / "valkey"
    valkey.change_password(
        home=settings.data / "valkey",
        password_file=file,
        socket=urlsplit(status["redis"]["url"]).path,
        password=random_password().decode(),
    )
    print(f"valkey: a new password is in force, and in {file}")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two at once would leave the one's password in the file and the other's in the server."""
    with (settings.data / "run" / "rotation").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderInUse("credentials are being rotated already") from None
        yield
