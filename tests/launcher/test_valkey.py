"""The embedded Valkey: private, never evicting, and its data survives a stop and a kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest
import redis

from launcher.embedded import valkey
from launcher.testing import EmbeddedServices, running_server
from tests.launcher.as_account import needs_root, run_as


def _open(folder: Path) -> valkey.ValkeyServer:
    return valkey.open_server(
        home=folder / "valkey", copies=folder / "software", password_file=folder / "secrets" / "valkey"
    )


def _running(server: valkey.ValkeyServer, folder: Path) -> AbstractContextManager[int]:
    return running_server(
        command=server.command(),
        account=server.account,
        is_ready=lambda: valkey.is_answering(url=server.url),
        log_file=folder / "valkey.log",
        stop_signal=signal.SIGTERM,
    )


@contextmanager
def _client(url: str) -> Iterator[redis.Redis]:
    with closing(redis.Redis.from_url(url)) as client:
        yield client


def test_data_survives_a_restart(open_folder: Path) -> None:
    server = _open(open_folder)
    with _running(server, open_folder), _client(server.url) as client:
        client.set("kept", "yes")
    again = _open(open_folder)
    with _running(again, open_folder), _client(again.url) as client:
        assert client.get("kept") == b"yes"


def test_data_on_disk_survives_a_kill(open_folder: Path) -> None:
    server = _open(open_folder)
    with _running(server, open_folder) as pid, _client(server.url) as client:
        client.set("kept", "yes")
        assert client.execute_command("WAITAOF", 1, 0, 10_000)[0] == 1
        os.kill(pid, signal.SIGKILL)
    with _running(server, open_folder), _client(server.url) as client:
        assert client.get("kept") == b"yes"


def test_it_never_evicts_and_listens_on_no_port(services: EmbeddedServices) -> None:
    with _client(services.redis_url) as client:
        shown = {name: client.config_get(name)[name] for name in ("maxmemory-policy", "appendonly", "port")}
    assert shown == {"maxmemory-policy": "noeviction", "appendonly": "yes", "port": "0"}


def test_a_wrong_password_is_refused(services: EmbeddedServices) -> None:
    password = services.redis_url.split(":")[2].split("@")[0]
    wrong = services.redis_url.replace(password, "wrong")
    assert valkey.is_answering(url=services.redis_url)
    assert not valkey.is_answering(url=wrong)
    with pytest.raises(redis.AuthenticationError), _client(wrong) as client:
        client.ping()


@needs_root
def test_another_account_cannot_enter_the_sockets_folder(services: EmbeddedServices) -> None:
    def connect() -> str:
        with _client(services.redis_url) as client:
            try:
                client.ping()
            except redis.ConnectionError as error:
                return str(error)
        return "connected"

    assert "Permission denied" in run_as("nobody", connect)
