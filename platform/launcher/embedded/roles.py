"""Prepares a Postgres server for Aerodrome: four login roles, one more that the application becomes for requests
that reach a part of a tenant (`tenants.part`), and one database, embedded or external alike.

No role is a superuser or passes row-level security. ``aerodrome_owner`` owns the database and its schema and
runs the migrations; the other three own nothing, and the migrations grant them what they need. Everything
can be done again without harm. See https://www.postgresql.org/docs/current/ddl-rowsecurity.html for why the
attributes matter: a superuser or BYPASSRLS role sees every tenant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import encrypt_password

from launcher.embedded.binaries import OLDEST_MAJOR, OLDEST_SAFE

DATABASE = "aerodrome"
ROLES = {
    "owner": "aerodrome_owner",
    "app": "aerodrome_app",
    "sched": "aerodrome_sched",
    "auth": "aerodrome_auth",
}
GRANTED_ROLE = "aerodrome_granted"
"""Nobody signs in as it; the application's role becomes it for one transaction, and does not inherit from it."""
DATABASE_VARIABLES = {
    "app": "AERODROME_DATABASE_URL",
    "owner": "AERODROME_DATABASE_OWNER_URL",
    "sched": "AERODROME_DATABASE_SCHED_URL",
    "auth": "AERODROME_DATABASE_AUTH_URL",
}
_ATTRIBUTES = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION NOINHERIT"
# Two launchers preparing one server take turns: the lock's number is only ours by convention.
_LOCK = 4_107_200_518


class RoleTooStrong(Exception):
    """An existing role could see every tenant."""


class ServerTooOld(Exception):
    """An external server lets rows of other tenants leak past row-level security, or lacks what is needed."""


@dataclass(frozen=True)
class DatabaseUrls:
    """How each component connects: libpq URLs, with passwords."""

    app: str
    owner: str
    sched: str
    auth: str

    def as_environment(self) -> dict[str, str]:
        """The variables that the control plane reads."""
        return {name: getattr(self, key) for key, name in DATABASE_VARIABLES.items()}


def database_urls(
    *,
    host: str,
    port: int | str,
    passwords: Mapping[str, str],
    database: str = DATABASE,
    more: Mapping[str, str] | None = None,
) -> DatabaseUrls:
    """The four URLs for a server. ``host`` may be the folder of a unix socket; ``more`` are libpq options."""
    where = urlencode({"host": host, "port": port, **(more or {})})
    return DatabaseUrls(
        **{
            key: f"postgresql://{role}:{quote(passwords[key], safe='')}@/{database}?{where}"
            for key, role in ROLES.items()
        }
    )


def prepare_database(
    *, admin: Mapping[str, Any], passwords: Mapping[str, str], database: str = DATABASE
) -> str:
    """Creates what is missing, sets the roles' passwords and returns the server's version ("18.6").

    ``admin``: libpq parameters of a superuser, or of a role with CREATEROLE and CREATEDB. ``passwords``: by
    the keys of ``ROLES``. Raises ``RoleTooStrong`` when a role exists that passes row-level security.
    """
    with _connected(admin) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        cursor.execute(
            "SELECT current_setting('server_version'), rolsuper FROM pg_roles WHERE rolname = user"
        )
        version, is_superuser = cursor.fetchone() or ("unknown", False)
        for key, role in ROLES.items():
            _ensure_role(connection, role=role, password=passwords[key])
        _ensure_granted_role(connection)
        owner = sql.Identifier(ROLES["owner"])
        name = sql.Identifier(database)
        if not is_superuser:
            cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database])
        if cursor.fetchone() is None:
            cursor.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(name, owner)
            )
        cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        for key in ("app", "sched", "auth"):
            cursor.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(ROLES[key]))
            )
    with _connected({**admin, "dbname": database}) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(owner))
        cursor.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    return str(version).split(" ")[0]


def change_password(*, admin: Mapping[str, Any], key: str, password: str) -> None:
    """Gives one of ``ROLES`` another password. Sessions that are open stay. Raises libpq's errors."""
    with _connected(admin) as connection:
        _ensure_role(connection, role=ROLES[key], password=password)


def _ensure_role(connection: Connection, *, role: str, password: str) -> None:
    exists = _exists(connection, role)
    with connection.cursor() as cursor:
        # Hashed here: the server's log and pg_stat_activity never see the password.
        secret = encrypt_password(password, role, connection, "scram-sha-256")
        action = "ALTER ROLE {}" if exists else "CREATE ROLE {} " + _ATTRIBUTES
        cursor.execute(sql.SQL(action + " PASSWORD %s").format(sql.Identifier(role)), [secret])


def _exists(connection: Connection, role: str) -> bool:
    """Whether the role is there already. Raises RoleTooStrong."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", [role])
        found = cursor.fetchone()
    if found is not None and any(found):
        raise RoleTooStrong(
            f"the role {role} exists and is a superuser or has BYPASSRLS, so it could see every tenant: "
            f"run `ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS`, then start again"
        )
    return found is not None


def _ensure_granted_role(connection: Connection) -> None:
    """The role for a part of a tenant, which the application's role may become (`SET ROLE`)."""
    with connection.cursor() as cursor:
        granted, app = sql.Identifier(GRANTED_ROLE), sql.Identifier(ROLES["app"])
        if not _exists(connection, GRANTED_ROLE):
            attributes = sql.SQL(_ATTRIBUTES.replace("LOGIN", "NOLOGIN", 1))
            cursor.execute(sql.SQL("CREATE ROLE {} {}").format(granted, attributes))
        # A role that inherited it would be under its policies in every statement.
        cursor.execute(sql.SQL("ALTER ROLE {} NOINHERIT").format(app))
        cursor.execute(sql.SQL("GRANT {} TO {}").format(granted, app))


@contextmanager
def _connected(parameters: Mapping[str, Any]) -> Iterator[Connection]:
    """A connection in autocommit (CREATE DATABASE needs that) that is closed at the end."""
    connection: Connection = psycopg2.connect(**{"connect_timeout": 10, **parameters})
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def check_server(*, url: str) -> str:
    """Connects to an external server and returns its version. Raises ``ServerTooOld`` or libpq's error."""
    with _connected({"dsn": url}) as connection:
        number = connection.server_version
    major, minor = divmod(number, 10_000)
    if major < OLDEST_MAJOR or minor < OLDEST_SAFE.get(major, 0):
        raise ServerTooOld(
            f"the configured Postgres is {major}.{minor}, which has a known leak past row-level security "
            f"or is older than {OLDEST_MAJOR}: use 15.14, 16.10, 17.6, 18 or newer"
        )
    return f"{major}.{minor}"
