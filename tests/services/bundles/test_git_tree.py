"""Reading commits: exact bytes, nothing executed, and trees that are made to hurt are refused early."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from controlplane.bundles.git import CPU_SECONDS, MEMORY_KIB, GitFailed, git_command, git_environment
from controlplane.bundles.git_tree import list_tree, read_commit, read_tree
from controlplane.bundles.limits import Limits
from controlplane.bundles.refusal import BundleRefused
from tests.support.git_client import Clone

LIMITS = Limits()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(folder=tmp_path / "work", url="")


def git_dir(clone: Clone) -> Path:
    return clone.folder / ".git"


def test_files_come_byte_by_byte(clone: Clone) -> None:
    files = {
        "dags/a.py": b"a\r\n\0b",
        "empty": b"",
        "same": b"a\r\n\0b",
        "caf\u00e9/\u65e5.txt": b"x" * 70_000,
    }
    clone.write({**files, ".gitattributes": b"* text=auto ident filter=evil\n"})
    commit = clone.commit({}, "a subject\n\nand a body")
    read = read_tree(repository=git_dir(clone), commit=commit, limits=LIMITS)
    assert {path: read[path] for path in files} == files
    about = read_commit(repository=git_dir(clone), commit=commit)
    assert (about.sha, about.author, about.subject) == (commit, "Author", "a subject")


def test_the_repositorys_own_configuration_starts_nothing(clone: Clone, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    commit = clone.commit({"a.py": b"1", ".gitattributes": b"* filter=evil diff=evil\n"})
    for key in (
        "filter.evil.smudge",
        "filter.evil.process",
        "core.fsmonitor",
        "core.pager",
        "diff.evil.textconv",
    ):
        clone.git("config", key, f"touch {witness}")
    assert read_tree(repository=git_dir(clone), commit=commit, limits=LIMITS)["a.py"] == b"1"
    read_commit(repository=git_dir(clone), commit=commit)
    assert not witness.exists()


def test_replaced_objects_are_not_believed(clone: Clone) -> None:
    first = clone.commit({"a.py": b"honest"})
    second = clone.commit({"a.py": b"swapped"})
    assert clone.git("replace", first, second).status == 0
    assert read_tree(repository=git_dir(clone), commit=first, limits=LIMITS)["a.py"] == b"honest"


def test_limits_hold_before_a_blob_is_read(clone: Clone) -> None:
    commit = clone.commit({"dags/a.py": b"x" * 500, "dags/b.py": b"y" * 600})
    with pytest.raises(BundleRefused, match="larger than 550 bytes") as caught:
        list_tree(repository=git_dir(clone), commit=commit, limits=Limits(file_bytes=550))
    assert caught.value.member == "dags/b.py"
    with pytest.raises(BundleRefused, match="larger than 1 kB here"):
        list_tree(repository=git_dir(clone), commit=commit, limits=Limits(total_bytes=1000))
    with pytest.raises(BundleRefused, match="more than 1 files"):
        list_tree(repository=git_dir(clone), commit=commit, limits=Limits(files=1))
    assert (
        len(list_tree(repository=git_dir(clone), commit=commit, limits=Limits(files=2, total_bytes=1100)))
        == 2
    )


def test_a_tree_that_repeats_itself_is_refused_at_the_limit(clone: Clone) -> None:
    def made(kind: str, text: bytes, *arguments: str) -> str:
        done = subprocess.run(
            ["git", kind, *arguments], cwd=clone.folder, input=text, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    tree = made("hash-object", b"boom", "-w", "--stdin")
    kind, mode = "blob", "100644"
    for _ in range(10):
        lines = "".join(f"{mode} {kind} {tree}\tf{number}\n" for number in range(10))
        tree, kind, mode = made("mktree", lines.encode()), "tree", "040000"
    with pytest.raises(BundleRefused, match="more than 20,000 files"):
        list_tree(repository=git_dir(clone), commit=tree, limits=LIMITS)


def test_a_name_that_is_not_text_is_refused(clone: Clone) -> None:
    (clone.folder / os.fsdecode(b"bad\xff.py")).write_bytes(b"x")
    with pytest.raises(BundleRefused, match="not UTF-8"):
        list_tree(repository=git_dir(clone), commit=clone.commit({}), limits=LIMITS)


@pytest.mark.parametrize("commit", ["0" * 40, "HEAD", "--help", "no such thing"])
def test_an_unknown_commit_is_said(clone: Clone, commit: str) -> None:
    with pytest.raises(GitFailed):
        list_tree(repository=git_dir(clone), commit=commit, limits=LIMITS)


def test_the_environment_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    monkeypatch.setenv("GIT_SSH_COMMAND", "evil")
    monkeypatch.setenv("AERODROME_SECRET_KEY", "secret")
    environment = git_environment()
    assert not {"GIT_DIR", "GIT_SSH_COMMAND", "AERODROME_SECRET_KEY"} & environment.keys()
    assert environment["GIT_CONFIG_GLOBAL"] == os.devnull


def test_five_thousand_files_are_read(clone: Clone) -> None:
    commit = clone.commit({f"dags/{n % 40}/f{n}.py": f"# {n}".encode() for n in range(5000)})
    assert len(read_tree(repository=git_dir(clone), commit=commit, limits=LIMITS)) == 5000


def test_every_git_process_is_bounded(tmp_path: Path) -> None:
    command = git_command("-c", "alias.told=!ulimit -v; ulimit -t", "told")
    done = subprocess.run(
        command, cwd=tmp_path, env=git_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(MEMORY_KIB), str(CPU_SECONDS)]
