"""Runs `git http-backend`, git's own server for its smart HTTP protocol, on one tenant's repository.

The request's body is spooled to a file first: a slow or dying pusher holds no lock and no git process, its
size is known, and git reads a plain file. Source: git-http-backend(1), RFC 3875.
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from controlplane.bundles.check_push import hook_variables
from controlplane.bundles.git import git_command, git_environment
from controlplane.bundles.limits import Limits
from controlplane.bundles.repository import hooks_folder

_CHUNK = 1 << 16


class BackendFailed(RuntimeError):
    """git's server gave no answer that HTTP understands."""


@dataclass(frozen=True, slots=True)
class GitRequest:
    """One request of a git client. `path` is what follows the repository: `info/refs`, `git-receive-pack`."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """`Content-Type`, `Content-Encoding`, `Git-Protocol`, as far as sent."""
    body: IO[bytes] | None = None
    size: int = 0


@dataclass(slots=True)
class GitAnswer:
    """Status, headers and a body still to be read; `close` ends git whether it is read or not."""

    status: int
    headers: dict[str, str]
    process: subprocess.Popen[bytes]

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes."""
        assert self.process.stdout is not None
        try:
            while chunk := self.process.stdout.read1(_CHUNK):  # type: ignore[attr-defined]
                yield chunk
        finally:
            self.close()

    def read(self, *, seconds: float) -> bytes:
        """The whole body, after git has ended; a git that takes longer than `seconds` is ended."""
        killer = threading.Timer(seconds, self.process.kill)
        killer.start()
        try:
            return b"".join(self.chunks())
        finally:
            killer.cancel()

    def close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()


def answer(
    *, request: GitRequest, repository: Path, user: str, branches: tuple[str, ...], limits: Limits
) -> GitAnswer:
    """Let git answer `request`; returns when its headers are read. Raises `BackendFailed`."""
    variables = {
        **git_environment(configuration=_configuration(limits)),
        **hook_variables(branches=branches, limits=limits),
        **_cgi(request, repository, user),
    }
    process = subprocess.Popen(
        git_command("http-backend"),
        env=variables,
        stdin=_as_file(request.body),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        return _read_headers(process)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _configuration(limits: Limits) -> dict[str, str]:
    return {
        "http.receivepack": "true",
        "http.uploadpack": "true",
        "core.hooksPath": str(hooks_folder()),
        "transfer.hideRefs": "refs/aerodrome",
        "receive.hideRefs": "refs/replace",
        "receive.fsckObjects": "true",
        "receive.fsck.missingSpaceBeforeDate": "ignore",
        "receive.fsck.badTimezone": "ignore",
        "receive.fsck.zeroPaddedFilemode": "ignore",
        "receive.maxInputSize": str(limits.total_bytes),
        "receive.unpackLimit": "1",
        "receive.denyDeletes": "false",
        "receive.denyNonFastForwards": "false",
        "receive.shallowUpdate": "false",
        "receive.advertisePushOptions": "false",
    }


def _cgi(request: GitRequest, repository: Path, user: str) -> dict[str, str]:
    variables = {
        "GIT_PROJECT_ROOT": str(repository.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{repository.name}/{request.path}",
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query,
        "REMOTE_USER": user,
        "REMOTE_ADDR": "",
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
    }
    if request.body is not None:
        variables["CONTENT_LENGTH"] = str(request.size)
    if encoding := request.headers.get("Content-Encoding"):
        variables["HTTP_CONTENT_ENCODING"] = encoding
    if protocol := request.headers.get("Git-Protocol"):
        variables["GIT_PROTOCOL"] = protocol
    return variables


def _as_file(body: IO[bytes] | None) -> IO[bytes] | int:
    if body is None:
        return subprocess.DEVNULL
    body.fileno()  # rolls a spool that is still in memory over to a real file
    return body


def _read_headers(process: subprocess.Popen[bytes]) -> GitAnswer:
    assert process.stdout is not None
    status = 200
    headers: dict[str, str] = {}
    while True:
        line = process.stdout.readline(1 << 14)
        if line in (b"\r\n", b"\n"):
            return GitAnswer(status, headers, process)
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise BackendFailed("git http-backend ended without an answer")
        if name.lower() == "status":
            status = int(value.split()[0])
        else:
            headers[name.strip()] = value.strip()
