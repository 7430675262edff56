"""A DAG zygote can give its children uids of its own block, and nothing else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aerodrome_runtime.jail import lending
from aerodrome_runtime.jail.fork import fork_jailed, wait_jailed
from aerodrome_runtime.jail.spec import JailSpecInvalid
from aerodrome_runtime.jail.tenant import tenant_jail

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the full jail needs root")
FIRST, COUNT = 310_000, 8


def refused(call: Any, *arguments: Any) -> bool:
    try:
        call(*arguments)
    except OSError:
        return True
    return False


def attack(child_uid: int) -> dict[str, bool]:
    """In the zygote, then in its child: what the kernel refuses."""
    found = {
        "root": refused(os.setresuid, 0, 0, 0),
        "below": refused(os.setresuid, FIRST - 1, -1, -1),
        "above": refused(os.setuid, FIRST + COUNT),
        "mixed": refused(os.setresuid, FIRST + 1, 0, FIRST + 1),
        "root_group": refused(os.setgid, 0),
        "groups": refused(os.setgroups, [0]),
        "chown": refused(os.chown, "/home/task", 0, 0),
    }
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        lending.become(child_uid)
        inside = {
            "is_itself": os.getresuid() == (child_uid,) * 3,
            "back": refused(os.setresuid, FIRST, FIRST, FIRST),
            "sibling": refused(os.setresuid, FIRST + 2, FIRST + 2, FIRST + 2),
            "write_above": refused(os.open, "/home/task/x", os.O_CREAT | os.O_WRONLY),
            "signal_zygote": refused(os.kill, os.getppid(), 0),
        }
        os.write(writable, json.dumps(inside).encode())
        os._exit(0)
    os.close(writable)
    os.waitpid(pid, 0)
    return found | json.loads(os.read(readable, 4096) or b'{"is_itself": false}')


def run(home: Path, lends: int) -> dict[str, bool]:
    readable, writable = os.pipe()
    spec = replace(tenant_jail(isolation="full", home=str(home), uid=FIRST), lends_uids=lends)

    def main() -> int:
        os.write(writable, json.dumps(attack(FIRST + 1)).encode())
        return 0

    pid = fork_jailed(spec=spec, child_main=main, keep_fds=[writable])
    _, status = wait_jailed(pid)
    os.close(writable)
    with os.fdopen(readable) as told:
        text = told.read()
    return json.loads(text) if text else {"status": bool(status)}


def test_only_its_own_block_and_nothing_else(tmp_path: Path) -> None:
    found = run(tmp_path, COUNT)
    assert found and all(found.values()), found


def test_without_lending_no_child_gets_a_uid(tmp_path: Path) -> None:
    """Negative control: it is the lending that makes `become` work."""
    assert run(tmp_path, 0)["is_itself"] is False


def test_lending_without_the_filter_is_refused(tmp_path: Path) -> None:
    spec = tenant_jail(isolation="full", home=str(tmp_path), uid=FIRST)
    with pytest.raises(JailSpecInvalid):
        replace(spec, lends_uids=4, seccomp=False)
    with pytest.raises(JailSpecInvalid):
        replace(tenant_jail(isolation="none", home=str(tmp_path)), lends_uids=4)
