"""Fetches one commit of a tenant's repository from outside into a bare store of ours. Nothing is checked out.

git is told everything: which address the host has (found by us and looked at), which protocol, that redirects and
proxies are none, that submodules, hooks and tags are left alone, how long it may take and how large it may
become. Credentials go through files of a folder that only this process can read and that is gone afterwards,
never through arguments or the environment. Called by `remotes`, outside any transaction.
Source: git-config(1) http.curloptResolve (2.37), http.followRedirects; git-credential-store(1); ssh_config(5).
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from django.conf import settings

from controlplane.bundles.git import CPU_SECONDS, MEMORY_KIB, GitFailed, git_environment, run_git
from controlplane.bundles.remote_address import RemoteAddress, resolve
from controlplane.bundles.repository import held_bytes
from controlplane.bundles.trust import all_authorities

SECONDS = 90.0
FETCHED = "refs/aerodrome/fetched"
_LEAST_GIT = (2, 37)
_KEY_TYPE = re.compile(r"^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+$")
_LIMITED = f'ulimit -v {MEMORY_KIB} && ulimit -t {CPU_SECONDS} && ulimit -f "$1" && ulimit -c 0 && shift && exec git "$@"'


class FetchFailed(RuntimeError):
    """Nothing was fetched; the text is for the tenant and holds no credential."""


class KnownHostsInvalid(ValueError):
    """Not lines of OpenSSH's known_hosts."""


@dataclass(frozen=True, slots=True)
class Credential:
    """How to get in. All empty: as anybody. `key` is an OpenSSH private key, `known_hosts` what the host's must be."""

    login: str = ""
    password: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    known_hosts: str = ""


def fetch(
    *,
    tenant_id: UUID,
    address: RemoteAddress,
    ref_kind: str,
    ref: str,
    credential: Credential,
    seconds: float = SECONDS,
) -> tuple[Path, str]:
    """The bare store and the commit that branch or tag `ref` is at now. Raises FetchFailed, HostRefused."""
    _check_git()
    store = _open_store(tenant_id)
    kind = "tags" if ref_kind == "tag" else "heads"
    with tempfile.TemporaryDirectory(prefix="aerodrome-fetch-") as folder:
        secrets = Path(folder)
        environment = _environment(address, credential, secrets)
        _run(
            [
                f"--git-dir={store}", "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--depth=1",
                "--no-write-fetch-head", "--no-auto-gc", "--no-auto-maintenance", "--force", "--end-of-options",
                address.text, f"+refs/{kind}/{ref}:{FETCHED}",
            ],
            environment, seconds, credential,
        )  # fmt: skip
    return store, run_git("rev-parse", "--verify", f"{FETCHED}^{{commit}}", repository=store).strip()


def read_known_hosts(text: str) -> list[tuple[str, str]]:
    """(type, key) of each line, whatever host it names. Raises KnownHostsInvalid."""
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        places = [at for at, word in enumerate(words) if _KEY_TYPE.match(word)]
        try:
            kind, key = words[places[0]], words[places[0] + 1]
            base64.b64decode(key, validate=True)
        except (IndexError, ValueError):
            raise KnownHostsInvalid(f"line {number} has no host key, as in: host ssh-ed25519 AAAA…") from None
        found.append((kind, key))
    return found


def _environment(address: RemoteAddress, credential: Credential, folder: Path) -> dict[str, str]:
    configuration = {
        "fetch.fsckObjects": "true",
        "fetch.fsck.missingSpaceBeforeDate": "ignore",
        "fetch.fsck.badTimezone": "ignore",
        "fetch.fsck.zeroPaddedFilemode": "ignore",
        "fetch.unpackLimit": "1",
        "fetch.recurseSubmodules": "false",
        "fetch.uriProtocols": "",
        "transfer.bundleURI": "false",
        "core.hooksPath": os.devnull,
        "http.followRedirects": "false",
        "http.proxy": "",
        "http.sslVerify": "true",
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": "20",
        "http.cookieFile": "",
        "http.saveCookies": "false",
        "http.emptyAuth": "false",
        "credential.helper": "",
    }
    variables = {}
    if address.protocol in ("https", "http"):
        if settings.GIT_CA:
            configuration["http.sslCAInfo"] = str(_write(folder / "authorities", all_authorities()))
        found = resolve(host=address.host, port=address.port)
        shown = ",".join(f"[{each}]" if ":" in each else each for each in found[:4])
        configuration["http.curloptResolve"] = f"{address.host}:{address.port}:{shown}"
        if credential.password:
            file = _write(folder / "credentials", _credential_line(address, credential))
            configuration["credential.helper"] = f"store --file={shlex.quote(str(file))}"
    elif address.protocol == "ssh":
        variables["GIT_SSH_COMMAND"] = _ssh(address, credential, folder)
        variables["GIT_SSH_VARIANT"] = "ssh"
    environment = git_environment(configuration=configuration)
    environment |= variables | {"GIT_ALLOW_PROTOCOL": address.protocol, "TMPDIR": str(folder)}
    return environment


def _credential_line(address: RemoteAddress, credential: Credential) -> str:
    login, password = quote(credential.login or "git", safe=""), quote(credential.password, safe="")
    place = address.text.removeprefix(f"{address.protocol}://").partition("/")[0]
    return f"{address.protocol}://{login}:{password}@{place}\n"


def _ssh(address: RemoteAddress, credential: Credential, folder: Path) -> str:
    key = _write(folder / "key", credential.key.strip().replace("\r\n", "\n") + "\n")
    hosts = "".join(
        f"aerodrome-remote {kind} {text}\n" for kind, text in read_known_hosts(credential.known_hosts)
    )
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": str(key),
        "UserKnownHostsFile": str(_write(folder / "hosts", hosts)),
        "GlobalKnownHostsFile": os.devnull,
        "HostKeyAlias": "aerodrome-remote",
        "HostName": resolve(host=address.host, port=address.port)[0],
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "PasswordAuthentication": "no",
        "KbdInteractiveAuthentication": "no",
        "ConnectTimeout": "10",
        "ServerAliveInterval": "10",
        "ForwardAgent": "no",
        "ClearAllForwardings": "yes",
        "PermitLocalCommand": "no",
        "ProxyCommand": "none",
        "ControlPath": "none",
    }
    return " ".join(["ssh", "-F", os.devnull, *(f"-o {shlex.quote(f'{k}={v}')}" for k, v in options.items())])


def _write(path: Path, text: str) -> Path:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(text)
    return path


def _run(
    arguments: list[str], environment: Mapping[str, str], seconds: float, credential: Credential
) -> None:
    blocks = str(settings.BUNDLE_MAX_BYTES // 512 + 1)
    process = subprocess.Popen(
        ["/bin/sh", "-c", _LIMITED, "git", blocks, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise FetchFailed(f"the host did not send the commit within {seconds:.0f} seconds") from None
    finally:
        _end(process)
    if process.returncode != 0:
        raise FetchFailed(_reason(said, credential))


def _end(process: subprocess.Popen[bytes]) -> None:
    """git's helpers too: they share its session. One that has ended has waited for its own."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stderr is not None:
        process.stderr.close()
    process.wait()


def _reason(said: bytes, credential: Credential) -> str:
    text = said.decode("utf-8", "replace")
    for secret in (credential.password, quote(credential.password, safe="")):
        text = text.replace(secret, "***") if secret else text
    text = "".join(each if each.isprintable() or each == "\n" else " " for each in text).strip()
    if "File too large" in text or "file size limit" in text.lower() or not text:
        return "the commit is larger than a bundle may be, or git was stopped while it was fetched"
    return text[-2000:]


def _open_store(tenant_id: UUID) -> Path:
    path = Path(settings.GIT_DIR) / "remotes" / f"{tenant_id}.git"
    if (path / "HEAD").is_file() and held_bytes(repository=path) > settings.GIT_MAX_BYTES:
        shutil.rmtree(path, ignore_errors=True)  # only a copy: the next fetch is a whole one
    if not (path / "HEAD").is_file():
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        run_git("init", "--quiet", "--bare", "--template=", str(path), repository=path)
    for left in path.glob("*.lock"):
        left.unlink(missing_ok=True)  # one fetch at a time, by its errand: a lock is of one that was killed
    return path


@cache
def _check_git() -> None:
    """Without `http.curloptResolve` git would look the host up again, and might find an internal one."""
    said = subprocess.run(["git", "version"], capture_output=True, check=True, text=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < _LEAST_GIT:
        raise GitFailed(
            f"fetching from outside needs git {_LEAST_GIT[0]}.{_LEAST_GIT[1]} or newer, not {said}"
        )
