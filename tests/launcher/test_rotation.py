"""Passwords change while everything runs: open connections stay, new ones find the new password, crashes are mended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg2
import pytest
import redis
from django.db import OperationalError
from django.db.utils import ConnectionHandler
from django.test import override_settings

from controlplane.foundation import redis_login
from controlplane.foundation.postgres import base
from launcher.commands.rotate_credentials import rotate_role
from launcher.embedded import valkey
from launcher.embedded.roles import DATABASE, DATABASE_VARIABLES, ROLES, change_password
from launcher.passwords import as_variables, file_variable, with_password
from launcher.secret_files import replace_secret
from launcher.status_file import read_status
from launcher.testing import EmbeddedServices, running_server
from tests.launcher.watched import watched

ROOT = Path(__file__).resolve().parents[2]


def _file(services: EmbeddedServices, key: str = "app") -> Path:
    return services.folder / "secrets" / f"postgres-{key}"


def _rotate(services: EmbeddedServices, key: str = "app") -> None:
    rotate_role(key=key, file=_file(services, key), admin=services.cluster.connect_arguments())


def _driver(services: EmbeddedServices, key: str, password: str) -> Any:
    where = services.cluster.connect_arguments() | {"dbname": DATABASE}
    return psycopg2.connect(**where | {"user": ROLES[key], "password": password})


def _process(services: EmbeddedServices, *, file: Path | str) -> Any:
    """What a process of the control plane holds that started now; its connection is not yet made."""
    where = services.cluster.connect_arguments()
    alias = {"ENGINE": "controlplane.foundation.postgres", "NAME": DATABASE, "USER": ROLES["app"]}
    alias |= {"HOST": where["host"], "PORT": str(where["port"])}
    alias |= {"PASSWORD": _file(services).read_text(), "PASSWORD_FILE": str(file)}
    return ConnectionHandler({"default": alias})["default"]


def _says(connection: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT user")
        return str(cursor.fetchone()[0])


@pytest.mark.parametrize("key", ROLES)
def test_the_old_password_is_refused_and_open_connections_stay(services: EmbeddedServices, key: str) -> None:
    old = _file(services, key).read_text()
    with closing(_driver(services, key, old)) as open_one:
        _rotate(services, key)
        assert _says(open_one) == ROLES[key]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        _driver(services, key, old)
    new = _file(services, key)
    assert new.read_text() != old and new.stat().st_mode & 0o777 == 0o600
    _driver(services, key, new.read_text()).close()


def test_a_process_that_lives_on_connects_anew(services: EmbeddedServices) -> None:
    with (
        closing(_process(services, file=_file(services))) as lives,
        closing(_process(services, file="")) as deaf,
    ):
        assert _says(lives) == _says(deaf) == ROLES["app"]
        _rotate(services)
        assert _says(lives) == _says(deaf) == ROLES["app"], "nobody lost a connection"
        lives.close()
        deaf.close()
        assert _says(lives) == ROLES["app"]
        assert lives.settings_dict["PASSWORD"] == _file(services).read_text(), "the next one asks no file"
        with pytest.raises(OperationalError, match="password authentication failed"):
            _says(deaf)


def test_a_crash_between_file_and_server_is_mended_by_a_second_run(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "WAIT_SECONDS", 0.0)
    with closing(_process(services, file=_file(services))) as lives:
        replace_secret(path=_file(services), secret="never-told-to-the-server")
        assert _says(lives) == ROLES["app"], "who knows the old one goes on"
        with (
            closing(_process(services, file=_file(services))) as late,
            pytest.raises(OperationalError, match="password authentication failed"),
        ):
            _says(late)
        _rotate(services)
        lives.close()
        assert _says(lives) == ROLES["app"]
    with closing(_process(services, file=_file(services))) as late:
        assert _says(late) == ROLES["app"]


def test_a_file_that_comes_after_the_server_is_waited_for(
    services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "WAIT_SECONDS", 60.0)
    arrivals: list[float] = []

    def arrive(seconds: float) -> None:
        arrivals.append(seconds)
        replace_secret(path=_file(services), secret="set-by-others")

    with closing(_process(services, file=_file(services))) as lives:
        change_password(admin=services.cluster.connect_arguments(), key="app", password="set-by-others")
        monkeypatch.setattr(base.time, "sleep", arrive)
        assert _says(lives) == ROLES["app"] and len(arrivals) == 1


def _valkey(folder: Path) -> valkey.ValkeyServer:
    return valkey.open_server(
        home=folder / "valkey", copies=folder / "software", password_file=folder / "secrets" / "valkey"
    )


def _change(server: valkey.ValkeyServer, password: str) -> None:
    valkey.change_password(
        home=server.home, password_file=server.password_file, socket=str(server.socket), password=password
    )


def _run(server: valkey.ValkeyServer, folder: Path) -> Any:
    return running_server(
        command=server.command(),
        account=server.account,
        is_ready=lambda: valkey.is_answering(url=server.url),
        log_file=folder / "valkey.log",
        stop_signal=signal.SIGTERM,
    )


@pytest.fixture
def server(open_folder: Path) -> Iterator[valkey.ValkeyServer]:
    made = _valkey(open_folder)
    with _run(made, open_folder):
        yield made


def test_valkey_takes_the_new_one_alone_and_keeps_open_connections(server: valkey.ValkeyServer) -> None:
    before = server.url
    with (
        override_settings(REDIS_PASSWORD_FILE=str(server.password_file), REDIS_USER=""),
        closing(redis.Redis.from_url(before, max_connections=1)) as open_one,
        closing(redis_login.Pool.from_url(with_password(before, ""))) as pool,
        closing(redis.Redis(connection_pool=pool)) as lives,
    ):
        assert open_one.ping() and lives.ping()
        _change(server, "another")
        assert open_one.ping() and lives.ping()
        pool.disconnect()
        assert lives.ping(), "a new connection reads the file"
    assert not valkey.is_answering(url=before) and valkey.is_answering(url=server.url)
    assert server.password == "another"


class Died(Exception):
    """Stands for a kill at this place."""


def _dying(at: int, real: Callable[..., None]) -> Callable[..., None]:
    passages = iter(range(at, -1, -1))

    def step(*arguments: Any, **more: Any) -> None:
        if next(passages) == 0:
            raise Died
        real(*arguments, **more)

    return step


@pytest.mark.parametrize(
    ("step", "passage"), [("_write_settings", 0), ("replace_secret", 0), ("_write_settings", 1)]
)
def test_a_crash_anywhere_leaves_a_valkey_that_takes_the_files_password(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, step: str, passage: int
) -> None:
    server = _valkey(open_folder)
    with _run(server, open_folder):
        with monkeypatch.context() as patch, pytest.raises(Died):
            patch.setattr(valkey, step, _dying(passage, getattr(valkey, step)))
            _change(server, "half")
        assert valkey.is_answering(url=server.url), "the one that runs"
    with _run(server, open_folder):  # restarted from its settings, as the supervisor does; `_run` asks it
        _change(server, "whole")
        assert server.password == "whole" and valkey.is_answering(url=server.url)
        assert not valkey.is_answering(url=with_password(server.url, "half"))


def test_addresses_told_to_processes_hold_no_password_that_lies_in_a_file(tmp_path: Path) -> None:
    urls = {
        "AERODROME_DATABASE_URL": "postgresql://me:secret@/aerodrome?host=/run/x&port=5432",
        "AERODROME_REDIS_URL": "unix://:secret@/run/valkey.sock?db=0",
    }
    file = tmp_path / "one"
    assert as_variables(urls=urls, files={}) == urls
    assert as_variables(urls=urls, files=dict.fromkeys(urls, file)) == {
        "AERODROME_DATABASE_URL": "postgresql://me@/aerodrome?host=/run/x&port=5432",
        "AERODROME_DATABASE_PASSWORD_FILE": str(file),
        "AERODROME_REDIS_URL": "unix:///run/valkey.sock?db=0",
        "AERODROME_REDIS_PASSWORD_FILE": str(file),
    }
    assert with_password("redis://me:old@h:1/0", "n/w") == "redis://me:n%2Fw@h:1/0"


def _command(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    command = [sys.executable, "-P", "-m", "launcher", "rotate-credentials", *arguments]
    return subprocess.run(command, env=environment | variables, capture_output=True, text=True, check=False)


def test_a_postgres_of_ones_own(
    open_folder: Path, services: EmbeddedServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = services.cluster.connect_arguments()
    where = urlencode({"host": admin["host"], "port": admin["port"]})
    admin_url = f"postgresql://{admin['user']}:{admin['password']}@/postgres?{where}"
    variables = services.environment()
    for key, name in DATABASE_VARIABLES.items():
        _rotate(services, key)
        variables[name] = with_password(variables[name], "")
    files = {file_variable(name): str(_file(services, key)) for key, name in DATABASE_VARIABLES.items()}
    for name, value in (variables | files).items():
        monkeypatch.setenv(name, value)
    before = {key: _file(services, key).read_text() for key in ROLES}
    with watched("stack", open_folder, inherit=("AERODROME_",)) as program:
        program.wait_ready()
        folder = {"AERODROME_DATA": str(open_folder)}
        refused = _command("--admin-url", admin_url, **folder, **variables)
        assert refused.returncode == 1 and "AERODROME_DATABASE_PASSWORD_FILE" in refused.stderr
        nobody = _command(**folder, **variables, **files)
        assert nobody.returncode == 1 and "--admin-url" in nobody.stderr
        assert before == {key: _file(services, key).read_text() for key in ROLES}, "a refusal changes nothing"
        done = _command("--admin-url", admin_url, **folder, **variables, **files)
        assert done.returncode == 0, done.stderr
        assert "Redis is your own and was left as it is" in done.stdout
        address = read_status(data=open_folder, now=time.time())["database"]["app_url"]
        psycopg2.connect(address).close()
        assert before["app"] not in address
    assert not before.items() & {key: _file(services, key).read_text() for key in ROLES}.items()
    assert not [one for one in before.values() if one in done.stdout + done.stderr]
    stopped = _command("--admin-url", admin_url, **folder, **variables, **files)
    assert stopped.returncode == 3 and "no stack runs here" in stopped.stderr
