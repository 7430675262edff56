"""One fork: into a jail when the order carries one, plain otherwise. The child never returns from here."""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress


class JailRefused(Exception):
    """The child was not forked: the jail could not be built, or the role is not this zygote's."""


def fork_child(
    *, jail: str | None, keep_fds: list[int], child_main: Callable[[], None], uid: int | None = None
) -> int:
    """Fork, run `child_main` in the child and end it; return the child's pid to the parent.

    Must be called from a single-threaded process, which calls `end_child` for each child it has reaped.
    Without a jail the child still leads a session of its own and dies with its parent. With a `uid` (in a
    DAG zygote, whose jail the child shares) it takes that uid for good.
    """
    if jail is not None:
        return _fork_jailed(jail=jail, keep_fds=keep_fds, child_main=child_main)
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        if uid is not None:
            from aerodrome_runtime.jail.lending import become

            become(uid)
        die_with_parent(parent)
        gc.enable()
        child_main()
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(124)


def _fork_jailed(*, jail: str, keep_fds: list[int], child_main: Callable[[], None]) -> int:
    from aerodrome_runtime.jail.fork import fork_jailed
    from aerodrome_runtime.jail.refusal import JailRefused as Refusal
    from aerodrome_runtime.jail.spec import JailSpec, JailSpecInvalid

    errors = keep_fds[-1]

    def run() -> int:
        gc.enable()
        try:
            child_main()
        except BaseException:
            # Before the child's descriptors were in place only `errors` leads anywhere, afterwards only 2.
            for fd in (errors, 2):
                with suppress(OSError):
                    os.write(fd, traceback.format_exc().encode())
        return 124

    def say(refusal: Refusal) -> None:
        os.write(errors, f"The jail could not be built: {refusal}\n".encode())

    try:
        return fork_jailed(spec=JailSpec.from_json(jail), keep_fds=keep_fds, child_main=run, on_refused=say)
    except (Refusal, JailSpecInvalid) as error:
        raise JailRefused(str(error)) from error


def end_child(pid: int) -> None:
    """Kill what a reaped child left behind: its pid namespace, or at least its session."""
    from aerodrome_runtime.jail.fork import end_jailed

    end_jailed(pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def die_with_parent(parent: int) -> None:
    """Ask for SIGKILL when the parent dies; end now when it has died already (PR_SET_PDEATHSIG, prctl(2))."""
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(124)
