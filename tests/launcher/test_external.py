"""A Postgres and Redis of one's own: prepared by a command, used instead of the embedded ones."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import psycopg2
import pytest

from launcher.embedded.roles import GRANTED_ROLE, ROLES, ServerTooOld, check_server
from launcher.testing import EmbeddedServices
from tests.launcher.watched import watched

ROOT = Path(__file__).resolve().parents[2]


def _launcher(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "launcher", *arguments]
    return subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)


def _as_superuser(services: EmbeddedServices, *statements: str) -> None:
    with closing(psycopg2.connect(**services.cluster.connect_arguments())) as connection:
        connection.autocommit = True
        for statement in statements:
            connection.cursor().execute(statement)


def _settings(printed: str) -> dict[str, str]:
    lines = [line for line in printed.splitlines() if not line.startswith("#")]
    return {name: url.strip("'") for name, url in (line.split("=", 1) for line in lines)}


def test_an_admin_who_is_no_superuser_can_prepare_it(services: EmbeddedServices) -> None:
    ours = [*ROLES.values(), GRANTED_ROLE]
    _as_superuser(
        services,
        "DROP DATABASE aerodrome WITH (FORCE)",
        *(f"DROP ROLE {name}" for name in ours),
        "CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD 'secret'",
    )
    where = urlencode({"host": str(services.cluster.socket_folder), "port": 5432})
    admin_url = f"postgresql://admin:secret@/postgres?{where}"
    first = _launcher("prepare-database", "--admin-url", admin_url)
    assert first.returncode == 0, first.stderr
    urls = _settings(first.stdout)
    for name, url in urls.items():
        with closing(psycopg2.connect(url)) as connection:
            assert connection.info.dbname == "aerodrome" and connection.info.user.startswith("aerodrome_"), (
                name
            )
    again = _launcher("prepare-database", "--admin-url", admin_url, **urls)
    assert again.returncode == 0 and _settings(again.stdout) == urls  # given passwords are kept
    fresh = _settings(_launcher("prepare-database", "--admin-url", admin_url).stdout)
    assert fresh.keys() == urls.keys() and not set(fresh.values()) & set(urls.values())


def test_a_wrong_admin_is_one_line(services: EmbeddedServices) -> None:
    where = urlencode({"host": str(services.cluster.socket_folder), "port": 5432})
    answer = _launcher("prepare-database", "--admin-url", f"postgresql://postgres:wrong@/postgres?{where}")
    assert answer.returncode == 1
    assert "password authentication failed" in answer.stderr and "Traceback" not in answer.stderr


def test_a_stack_on_external_servers_starts_none(
    open_folder: Path, services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services.environment().items():
        monkeypatch.setenv(name, value)
    _as_superuser(services, *(  # an earlier test of this file may have made new passwords
        f"ALTER ROLE aerodrome_{key} PASSWORD '{password}'" for key, password in services.passwords.items()
    ))  # fmt: skip
    with watched("stack", open_folder, inherit=("AERODROME_",)) as program:
        facts = program.wait_ready()["ready"]
        names = [event["tell"].split()[0] for event in program.events if "tell" in event]
    assert names == ["web"]
    assert facts["database"]["embedded"] is False and facts["database"]["version"].startswith("18.")
    assert facts["database"]["app_url"] == services.urls.app
    assert facts["redis"]["url"] == services.redis_url
    assert not (open_folder / "postgres").exists() and not (open_folder / "valkey").exists()


def test_a_leaky_server_is_refused(services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_server(url=services.urls.owner).startswith("18.")
    monkeypatch.setattr("launcher.embedded.roles.OLDEST_SAFE", {18: 999})
    with pytest.raises(ServerTooOld, match="row-level security"):
        check_server(url=services.urls.owner)
