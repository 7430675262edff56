"""Reads one commit of a bare repository as a bundle: listed first, refused early, then read blob by blob.

Links and submodules are refused with their path: a bundle holds plain files only. A tree that repeats itself
without end costs no more than the limit, for listing stops there. Called by the receive hook (listing) and by
`receive` (listing and reading).
"""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from controlplane.bundles.git import TIMEOUT_SECONDS, GitFailed, git_command, git_environment, run_git
from controlplane.bundles.limits import Limits, Meter
from controlplane.bundles.names import NameBook, clean_name, is_ignored
from controlplane.bundles.refusal import BundleRefused


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One plain file of a commit."""

    path: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What is shown of a commit."""

    sha: str
    author: str
    subject: str


def list_tree(
    *, repository: Path, commit: str, limits: Limits, environment: Mapping[str, str] | None = None
) -> list[TreeFile]:
    """The plain files of `commit`. Raises `BundleRefused` naming the first path that cannot be accepted, and
    `GitFailed` when there is no such commit."""
    meter, book = Meter(limits), NameBook()
    found = []
    for mode, blob, size, raw in _entries(repository, commit, environment or git_environment()):
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise BundleRefused(
                "the name is not UTF-8 text", member=raw.decode("utf-8", "backslashreplace")
            ) from None
        if mode == "160000":
            raise BundleRefused(
                f"is a submodule (commit {blob[:12]}); bundles hold plain files only: copy its files in, "
                "or publish them as a package and name it in requirements.txt",
                member=name,
            )
        if mode == "120000":
            raise BundleRefused(
                "is a symbolic link; bundles hold plain files only: replace it by a copy", member=name
            )
        if is_ignored(name):
            continue
        path = clean_name(name)
        meter.begin(path)
        meter.add(size, path)
        book.add(path)
        found.append(TreeFile(path, blob, size))
    return found


def read_tree(*, repository: Path, commit: str, limits: Limits) -> dict[str, bytes]:
    """Path -> content of every plain file of `commit`. Raises as `list_tree` does."""
    listed = list_tree(repository=repository, commit=commit, limits=limits)
    blobs = _read_blobs(repository, sorted({file.blob for file in listed}))
    return {file.path: blobs[file.blob] for file in listed}


def read_commit(*, repository: Path, commit: str) -> Commit:
    """Who made it and its first line. Raises `GitFailed`."""
    told = run_git(
        "log", "-1", "--no-show-signature", "--format=%H%x00%an%x00%s", commit, "--", repository=repository
    )
    sha, author, subject = told.rstrip("\n").split("\0", 2)
    return Commit(sha, author, subject.replace("\0", ""))


def _entries(
    repository: Path, commit: str, environment: Mapping[str, str]
) -> Iterator[tuple[str, str, int, bytes]]:
    """(mode, object, size, raw path) of every entry that is not a folder, as git lists them."""
    process = subprocess.Popen(
        git_command(f"--git-dir={repository}", "ls-tree", "-r", "-z", "-l", "--full-tree", commit),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    killer.start()
    try:
        for record in _records(process.stdout):
            head, _, path = record.partition(b"\t")
            mode, _, blob, size = head.decode("ascii").split()
            yield mode, blob, 0 if size == "-" else int(size), path
        said = process.stderr.read().decode("utf-8", "replace").strip()
        if process.wait() != 0:
            raise GitFailed(said or f"git cannot list commit {commit}")
    finally:
        killer.cancel()
        process.kill()
        process.stdout.close()
        process.stderr.close()
        process.wait()


def _records(stream: IO[bytes]) -> Iterator[bytes]:
    held = b""
    while chunk := stream.read(1 << 16):
        *whole, held = (held + chunk).split(b"\0")
        yield from whole


def _read_blobs(repository: Path, blobs: list[str]) -> dict[str, bytes]:
    """Object -> content, through one `git cat-file --batch`."""
    process = subprocess.Popen(
        git_command(f"--git-dir={repository}", "cat-file", "--batch", "--buffer"),
        env=git_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None and process.stdout is not None
    asked = process.stdin

    def ask() -> None:
        with asked:
            asked.write("".join(f"{blob}\n" for blob in blobs).encode())

    writer = threading.Thread(target=ask)
    killer = threading.Timer(TIMEOUT_SECONDS, process.kill)
    killer.start()
    writer.start()
    found = {}
    try:
        for blob in blobs:
            answer = process.stdout.readline().split()
            if len(answer) != 3 or answer[1] != b"blob":
                raise GitFailed(f"object {blob} is missing from the repository")
            size = int(answer[2])
            content = process.stdout.read(size + 1)
            if len(content) != size + 1:
                raise GitFailed(f"object {blob} cannot be read")
            found[blob] = content[:size]
    finally:
        killer.cancel()
        process.kill()
        process.stdout.close()
        writer.join()
        process.wait()
    return found
