"""Makes roles and database on a Postgres server of your own and prints the settings to use it.

Can be run again. Passwords come from the AERODROME_DATABASE_*URL variables where those are set; otherwise new
ones are made, and processes that use the old ones lose their connection.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from psycopg2.extensions import parse_dsn

from launcher.embedded.roles import DATABASE, DATABASE_VARIABLES, database_urls, prepare_database
from launcher.secret_files import random_password


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--admin-url",
        required=True,
        help="postgresql://… of a superuser, or of a role with CREATEROLE and CREATEDB",
    )
    parser.add_argument("--database", default=DATABASE, help=f"its name (default: {DATABASE})")


def run(arguments: argparse.Namespace, *, checkout: Path) -> int:
    passwords = {
        key: urlsplit(os.environ.get(name, "")).password or random_password().decode()
        for key, name in DATABASE_VARIABLES.items()
    }
    admin = parse_dsn(arguments.admin_url)
    version = prepare_database(
        admin={"dbname": "postgres", **admin}, passwords=passwords, database=arguments.database
    )
    query = {key: values[-1] for key, values in parse_qs(urlsplit(arguments.admin_url).query).items()}
    more = {key: value for key, value in query.items() if key.startswith(("ssl", "target_session"))}
    urls = database_urls(
        host=admin.get("host", "localhost"),
        port=admin.get("port", "5432"),
        passwords=passwords,
        database=arguments.database,
        more=more,
    )
    print(f"# Postgres {version}, database {arguments.database}. Set these for Aerodrome; keep them secret.")
    for name, url in urls.as_environment().items():
        print(f"{name}='{url}'")
    return 0
