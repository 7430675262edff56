"""The jail's one door: ``fork_jailed`` makes a jailed child of this process with a single fork.

Who waits for whom. A task must not be pid 1 of its pid namespace: the kernel ignores signals that pid 1 sends
to itself (a task that kills itself with SIGKILL would live on), and pid 1 inherits every orphan. Yet killing
pid 1 is what ends a namespace with everything in it. The usual answer is two more forks of the parent; here
the parent is a zygote with an Airflow imported, and each of its forks costs milliseconds. So:

1. the zygote says that its next children belong to a new pid namespace (``unshare(NEWPID)``);
2. it starts a *keeper* (``keeper``), a tiny process that copies no memory of the zygote: pid 1;
3. it forks the task, which lands in that namespace with another pid, yet is the zygote's own child: waitpid
   gives the task's true exit code or signal;
4. it returns to its own namespace for its next children (``setns``).

Closing the keeper's pipe ends it, and with it, by the kernel's hand, every process in the namespace,
daemonised or not. The zygote does so in ``end_jailed``; if it dies, however it dies, the pipe closes anyway.

Without root step 4 is not allowed; ``rootless`` tells the way round.

The calling process must be single-threaded and must call ``end_jailed`` after it has reaped a child (or use
``wait_jailed``). A ``waitpid(-1)`` may meet a keeper's pid: ``is_keeper`` tells.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress

from aerodrome_runtime.jail import keeper as keepers
from aerodrome_runtime.jail import syscalls as sys_
from aerodrome_runtime.jail.enter import enter
from aerodrome_runtime.jail.refusal import JailRefused, step
from aerodrome_runtime.jail.rootless import fork_rootless
from aerodrome_runtime.jail.spec import JailSpec

REFUSED_EXIT = 126
CRASHED_EXIT = 125

_keepers: dict[int, keepers.Keeper | None] = {}


class NotReaped(RuntimeError):
    """end_jailed was called for a child whose exit status nobody has collected yet."""


def fork_jailed(
    *,
    spec: JailSpec,
    child_main: Callable[[], int],
    keep_fds: Iterable[int] = (),
    on_refused: Callable[[JailRefused], None] | None = None,
) -> int:
    """Fork, jail the child, run ``child_main`` in it; return the child's pid to the caller.

    The child's exit status is the task's own: the code ``child_main`` returned, that of an ``os._exit``, or
    the signal it died by. ``keep_fds`` stay open in the child. If a step of the jail is refused,
    ``on_refused`` is called in the child (it may write to a kept descriptor) and the child exits with
    REFUSED_EXIT without having run ``child_main``. Raises JailRefused in the caller when the namespace or
    the keeper cannot be made, OSError when the fork itself fails.
    """
    keep = tuple(keep_fds)

    def run_child() -> None:
        _run_child(spec, keep, child_main, on_refused)

    if spec.isolation == "full":
        pid, keeper = _fork_full(run_child)
    elif spec.isolation == "rootless":
        pid, keeper = fork_rootless(run_child)
    else:
        pid, keeper = os.fork(), None
        if pid == 0:
            run_child()
    _keepers[pid] = keeper
    return pid


def wait_jailed(pid: int, options: int = 0) -> tuple[int, int]:
    """os.waitpid for a jailed child, and the end of everything it left behind once it is reaped."""
    found, status = os.waitpid(pid, options)
    if found == pid:
        end_jailed(pid)
    return found, status


def end_jailed(pid: int) -> None:
    """Kill whatever a reaped child left behind. When this returns, no process of the attempt is alive.

    Under isolation ``none`` only its session's processes can be found; a daemon that left the session
    survives. Raises NotReaped when the child has not been waited for. Unknown pids are ignored.
    """
    if pid not in _keepers:
        return
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        pass
    else:
        raise NotReaped(f"process {pid} has not been waited for; call waitpid or wait_jailed first")
    keeper = _keepers.pop(pid)
    if keeper is not None:
        keeper.end()
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def is_keeper(pid: int) -> bool:
    """Whether a pid that waitpid(-1) returned is a keeper's and not a task's."""
    return any(keeper is not None and keeper.pid == pid for keeper in _keepers.values())


def _fork_full(run_child: Callable[[], None]) -> tuple[int, keepers.Keeper]:
    """Steps 1 to 4 of the module's docstring; whatever fails, this process is back where it was."""
    keeper = None
    with step("make a pid namespace"):
        own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with step("make a pid namespace"):
            sys_.unshare(sys_.CLONE_NEWPID)
        with step("start the keeper"):
            keeper = keepers.start()
        pid = os.fork()
        if pid == 0:
            run_child()
    except BaseException:
        if keeper is not None:
            keeper.end()
        raise
    finally:
        sys_.setns(own_namespace, sys_.CLONE_NEWPID)
        os.close(own_namespace)
    return pid, keeper


def _run_child(
    spec: JailSpec,
    keep: tuple[int, ...],
    child_main: Callable[[], int],
    on_refused: Callable[[JailRefused], None] | None,
) -> None:
    """The child's whole life; never returns."""
    code = CRASHED_EXIT
    try:
        try:
            enter(spec, keep)
        except JailRefused as refusal:
            code = REFUSED_EXIT
            if on_refused is not None:
                on_refused(refusal)
        else:
            code = child_main()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(code & 0xFF)
