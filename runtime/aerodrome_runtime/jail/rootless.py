"""Forking into a pid namespace without root, where the parent cannot return from having made one.

``setns`` back to one's own pid namespace asks for a capability over the namespace above, which only root
has. So a middle child, who ends at once, makes the namespace, the keeper and the task; this process, being a
subreaper (prctl(2)), then inherits both, and waits for the task as for its own child. It costs a second fork.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

from aerodrome_runtime.jail import keeper as keepers
from aerodrome_runtime.jail import syscalls as sys_
from aerodrome_runtime.jail.enter import map_to_itself
from aerodrome_runtime.jail.refusal import JailRefused, step

_PIDS = struct.Struct("=iii")
_PR_SET_CHILD_SUBREAPER = 36
_in_user_namespace = False


def become_able() -> None:
    """Once per process: enter a user namespace in which further namespaces can be made.

    The process keeps its uid, the only one there is. Raises JailRefused where the kernel forbids it.
    """
    global _in_user_namespace
    if _in_user_namespace:
        return
    uid, gid = os.getuid(), os.getgid()
    with step("make a user namespace"):
        sys_.unshare(sys_.CLONE_NEWUSER)
        map_to_itself(uid=uid, gid=gid)
        sys_.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _in_user_namespace = True


def fork_rootless(run_child: Callable[[], None]) -> tuple[int, keepers.Keeper]:
    """Fork ``run_child`` (which must not return) into a new pid namespace; return its pid and its keeper."""
    become_able()
    lifeline_read, lifeline = os.pipe()
    news_read, news = os.pipe()
    go_read, go = os.pipe()
    try:
        middle = os.fork()
        if middle == 0:
            os.close(lifeline)
            os.close(go)
            _be_the_middle(run_child, lifeline_read=lifeline_read, news=news, go_read=go_read)
        os.close(news)
        news = -1
        answer = os.read(news_read, _PIDS.size)
        os.waitpid(middle, 0)
        task, keeper, error = _PIDS.unpack(answer) if len(answer) == _PIDS.size else (0, 0, 5)
        if error:
            os.close(lifeline)
            raise JailRefused("make a pid namespace without root", error)
        os.write(go, b"g")
        return task, keepers.Keeper(keeper, lifeline)
    finally:
        for fd in (lifeline_read, news_read, go_read, go, *((news,) if news >= 0 else ())):
            os.close(fd)


def _be_the_middle(run_child: Callable[[], None], *, lifeline_read: int, news: int, go_read: int) -> None:
    """Make the namespace, the keeper and the task, tell their pids, and be gone. Never returns."""
    try:
        sys_.unshare(sys_.CLONE_NEWPID)
        keeper = keepers.spawn(lifeline_read)
        task = os.fork()
        if task == 0:
            # Wait until the zygote is the parent, or the change of parent would look like a parent's death.
            if os.read(go_read, 1) == b"g":
                run_child()
            os._exit(0)
        os.write(news, _PIDS.pack(task, keeper, 0))
    except OSError as error:
        os.write(news, _PIDS.pack(0, 0, error.errno or 5))
    finally:
        os._exit(0)
