"""Points Django at the throwaway Postgres and Valkey of a test session, and makes the schema."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from launcher.embedded.roles import DATABASE
from launcher.testing import embedded_services


@dataclass(frozen=True)
class Services:
    """`superuser`: what psycopg2 needs to reach the session's database as its superuser."""

    superuser: dict[str, Any]
    environment: dict[str, str]


@contextlib.contextmanager
def running() -> Iterator[Services]:
    """Both servers with roles and schema; Django and `os.environ` (for child processes) know them."""
    with embedded_services(fsync=False) as started:
        environment = started.environment()
        os.environ.update(environment)
        _point_django_at(environment)
        _migrate()
        superuser = started.cluster.connect_arguments() | {"dbname": DATABASE}
        yield Services(superuser=superuser, environment=environment)
        _disconnect()


def _point_django_at(environment: dict[str, str]) -> None:
    """Fill the addresses into the settings that are loaded already; nothing has connected yet."""
    from django.conf import settings

    from controlplane.settings import environment as env

    aliases = {
        "default": "AERODROME_DATABASE_URL",
        "scheduler": "AERODROME_DATABASE_SCHED_URL",
        "auth": "AERODROME_DATABASE_AUTH_URL",
        "owner": "AERODROME_DATABASE_OWNER_URL",
    }
    for alias, name in aliases.items():
        settings.DATABASES[alias].update(env.postgres(name))
    settings.CACHES["default"]["LOCATION"] = environment["AERODROME_REDIS_URL"]


def _migrate() -> None:
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)


def _disconnect() -> None:
    from django.core.cache import caches
    from django.db import connections

    connections.close_all()
    caches.close_all()
