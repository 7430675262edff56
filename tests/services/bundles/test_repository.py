"""A tenant's repository: made once, one pusher at a time, its hook always ours."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest

from controlplane.bundles.repository import (
    RepositoryBusy,
    deployed_branch,
    hooks_folder,
    locked,
    open_repository,
    read_heads,
    repository_path,
)


def test_many_at_once_make_one_repository() -> None:
    tenant_id = uuid4()
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(lambda _: open_repository(tenant_id=tenant_id), range(8)))
    assert made == {repository_path(tenant_id=tenant_id)}
    path = made.pop()
    assert read_heads(repository=path) == {}
    assert not (path / "hooks").exists()
    assert path.stat().st_mode & 0o077 == 0
    assert [entry for entry in path.parent.iterdir() if entry.name.startswith(".new-")] == []


def test_a_second_pusher_waits_or_is_refused() -> None:
    repository = open_repository(tenant_id=uuid4())
    with (
        locked(repository=repository, seconds=0),
        pytest.raises(RepositoryBusy),
        locked(repository=repository, seconds=0.1),
    ):
        pass
    with locked(repository=repository, seconds=0):
        pass


def test_a_changed_hook_is_written_anew() -> None:
    hook = hooks_folder() / "pre-receive"
    wanted = hook.read_text()
    hook.write_text("#!/bin/sh\nexit 0\n")
    hooks_folder()
    assert hook.read_text() == wanted
    assert "check_push.py" in wanted
    assert hook.stat().st_mode & 0o111 == 0o111
    assert [entry.name for entry in Path(hook.parent).iterdir()] == ["pre-receive"]


@pytest.mark.parametrize(
    ("heads", "chosen", "deployed"),
    [
        ({}, None, "main"),
        ({"master": "1"}, None, "master"),
        ({"main": "1", "master": "2"}, None, "main"),
        ({"main": "1"}, "release", "release"),
    ],
)
def test_which_branch_is_deployed(heads: dict[str, str], chosen: str | None, deployed: str) -> None:
    assert deployed_branch(heads=heads, chosen=chosen) == deployed
