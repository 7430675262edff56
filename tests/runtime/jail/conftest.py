"""Jails for tests: real forks, real mounts, real uids. Needs root, except where a test says otherwise."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aerodrome_runtime.jail.fork import fork_jailed, wait_jailed
from aerodrome_runtime.jail.refusal import JailRefused
from aerodrome_runtime.jail.spec import JailSpec, Limits
from aerodrome_runtime.jail.syscalls import PR_SET_DUMPABLE, prctl
from aerodrome_runtime.jail.tenant import Interpreter, tenant_jail
from aerodrome_runtime.jail.uids import UidLeases, kill_all

NOBODY = 65534
# readable by nobody too, unlike an interpreter below /root
SYSTEM_ONLY = Interpreter("/usr/bin/python3", ("/usr",))

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="leased uids and full isolation need root")

SpecMaker = Callable[..., JailSpec]
Jailed = Callable[..., tuple[Any, int]]


@pytest.fixture
def home() -> Iterator[str]:
    """A fresh home folder on the host, outside pytest's own (whose parents are closed to others)."""
    folder = tempfile.mkdtemp(prefix="jail-home-")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def leases(tmp_path: Any) -> UidLeases:
    return UidLeases(first=610_000, count=64, state_dir=str(tmp_path / "uids"))


@pytest.fixture
def uid(leases: UidLeases) -> Iterator[int]:
    """A uid of this test's own; whatever it left behind is killed."""
    if os.geteuid() != 0:
        pytest.skip("leased uids need root")
    leased = leases.lease()
    yield leased
    assert kill_all(leased)


@pytest.fixture
def spec_of(home: str, uid: int) -> SpecMaker:
    """A full jail's spec with small limits; keywords go to tenant_jail."""

    def make(**changes: Any) -> JailSpec:
        limits = Limits(processes=64, memory_bytes=256 * 1024**2)
        return tenant_jail(**{"isolation": "full", "home": home, "uid": uid, "limits": limits, **changes})

    return make


def run_jailed(spec: JailSpec, body: Callable[[], Any], *, keep_fds: tuple[int, ...] = ()) -> tuple[Any, int]:
    """Run ``body`` jailed; (what it returned, as JSON carries it, or None; wait status).

    A refusal comes back as {"refused": step}, an exception as {"raised": text}.
    """
    read_end, write_end = os.pipe()

    def tell(answer: Any) -> None:
        os.write(write_end, json.dumps(answer).encode())

    def child_main() -> int:
        try:
            tell(body())
        except Exception as error:
            tell({"raised": f"{type(error).__name__}: {error}"})
            return 1
        return 0

    def on_refused(refusal: JailRefused) -> None:
        tell({"refused": refusal.step, "errno": refusal.errno})

    try:
        pid = fork_jailed(
            spec=spec, child_main=child_main, keep_fds=(*keep_fds, write_end), on_refused=on_refused
        )
    finally:
        os.close(write_end)
    with os.fdopen(read_end) as answer:
        text = answer.read()
    _, status = wait_jailed(pid)
    return (json.loads(text) if text else None), status


def run_plain(body: Callable[[], Any]) -> Any:
    """Run ``body`` in a forked child without any jail: the negative control."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(write_end, json.dumps(body()).encode())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        text = answer.read()
    os.waitpid(pid, 0)
    assert text, "the child gave no answer: its error is in the captured output"
    return json.loads(text)


def run_as_nobody(body: Callable[[], Any]) -> Any:
    """Run ``body`` in a forked child without root's rights (or with those there are, if they are not root's)."""

    def dropped() -> Any:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
            # as after an exec, which is how a process of an ordinary user begins
            prctl(PR_SET_DUMPABLE, 1)
        tempfile.tempdir = "/tmp"
        return body()

    return run_plain(dropped)


def _user_namespaces_are_allowed() -> bool:
    trial = "unshare --user --mount --pid --fork true 2>/dev/null"
    return bool(run_as_nobody(lambda: os.system(trial) == 0))


needs_user_namespaces = pytest.mark.skipif(
    not _user_namespaces_are_allowed(), reason="this kernel gives no user namespaces to ordinary users"
)
