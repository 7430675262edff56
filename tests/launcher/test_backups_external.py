"""A Postgres of one's own: dumped by who sees every row, put into an empty database, roles and walls included."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import psycopg2

from launcher.data_folder import lay_out
from launcher.settings import read_settings
from launcher.stack import ensure_keys
from launcher.testing import EmbeddedServices

ROOT = Path(__file__).resolve().parents[2]
TABLE = """
CREATE TABLE tenant (id int PRIMARY KEY, slug text);
ALTER TABLE tenant ENABLE ROW LEVEL SECURITY; ALTER TABLE tenant FORCE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA public TO aerodrome_app; GRANT SELECT ON tenant TO aerodrome_app;
CREATE POLICY mine ON tenant TO aerodrome_app USING (id = 1);
"""


def launcher(data: Path, urls: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
        "AERODROME_DATA": str(data),
    }
    command = [sys.executable, "-P", "-m", "launcher", *arguments]
    return subprocess.run(command, env=environment | urls, capture_output=True, text=True, check=False)


def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_it_is_dumped_and_put_back(services: EmbeddedServices, open_folder: Path) -> None:
    admin = services.cluster.connect_arguments()
    where = urlencode({"host": admin["host"], "port": admin["port"]})
    admin_url = f"postgresql://{admin['user']}:{admin['password']}@/postgres?{where}"
    data, backup, keys = open_folder / "data", open_folder / "backup", open_folder / "keys.json"
    lay_out(data=data)
    ensure_keys(read_settings(environment={"AERODROME_DATA": str(data)}, checkout=ROOT))
    (data / "store" / "kept").write_text("an artefact")
    urls = services.urls.as_environment()
    ask(services.urls.owner, TABLE)
    ask(f"{admin_url}&dbname=aerodrome", "INSERT INTO tenant VALUES (1, 'alpha'), (2, 'beta')")

    unseen = launcher(data, urls, "backup", str(backup))
    assert unseen.returncode == 1 and "--admin-url" in unseen.stderr and not backup.exists()
    done = launcher(data, urls, "backup", str(backup), "--keys", str(keys), "--admin-url", admin_url)
    assert done.returncode == 0, done.stderr

    target = open_folder / "again"
    restore = ("restore", str(backup), "--keys", str(keys), "--admin-url", admin_url)
    full = launcher(target, urls, *restore)
    assert full.returncode == 1 and "holds 1 tables" in full.stderr and not target.exists()
    embedded = launcher(target, {}, *restore)
    assert embedded.returncode == 1 and "a dump to one of your own" in embedded.stderr and not target.exists()
    late = launcher(target, urls, *restore, "--until", "2100-01-01T00:00:00+00:00")
    assert late.returncode == 1 and "its own instant" in late.stderr and not target.exists()

    other = services.create_database("other")
    back = launcher(target, other.as_environment(), *restore)
    assert back.returncode == 0 and "2 tenants" in back.stdout, back.stderr
    assert ask(other.app, "SELECT slug FROM tenant") == [("alpha",)]  # the wall came back as well
    assert (target / "store" / "kept").read_text() == "an artefact"
