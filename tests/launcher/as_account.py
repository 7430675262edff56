"""Runs a function in a forked child under another account, and brings back what it returned or raised."""

from __future__ import annotations

import os
import pickle
import pwd
import traceback
from collections.abc import Callable
from typing import Any

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")


def run_as(account: str, body: Callable[[], Any]) -> Any:
    """``body()`` as ``account``. Everything it imports must be imported already: the account may not be
    able to read our files. Raises AssertionError with the child's traceback when it failed."""
    entry = pwd.getpwnam(account)
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(read_end)
            os.setgroups([])
            os.setgid(entry.pw_gid)
            os.setuid(entry.pw_uid)
            os.chdir("/")
            try:
                answer: tuple[bool, Any] = (True, body())
            except BaseException:
                answer = (False, traceback.format_exc())
            with os.fdopen(write_end, "wb") as pipe:
                pickle.dump(answer, pipe)
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    assert data, "the child died without an answer"
    succeeded, value = pickle.loads(data)
    assert succeeded, value
    return value
