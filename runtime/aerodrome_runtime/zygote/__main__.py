"""The base zygote: `python -m aerodrome_runtime.zygote <control fd>`.

Holds only trusted code: the locked base runtime and this package. No tenant file is imported here, ever; what a
tenant brought is added in a child, after the child has given up its privileges.
"""

from __future__ import annotations

import os
import socket
import sys
import time


def main() -> None:
    """Import, warm, freeze, serve. Started by the agent's pool; ends when the agent closes the control socket."""
    started = time.monotonic()
    from aerodrome_runtime.zygote import stdio

    # The four reserved places must not be the control socket's own.
    control = socket.socket(fileno=_above_reserved(int(sys.argv[1])))
    os.set_inheritable(control.fileno(), False)
    stdio.reserve()

    from aerodrome_runtime.zygote.forking import die_with_parent

    die_with_parent(os.getppid())

    from aerodrome_runtime.zygote import preload

    preload.import_everything()
    preload.prove_single_threaded()

    from aerodrome_runtime.zygote.connectiontest import run_connection_test
    from aerodrome_runtime.zygote.dagzygote import run_dags
    from aerodrome_runtime.zygote.parsechild import run_parse
    from aerodrome_runtime.zygote.serve import Role, serve
    from aerodrome_runtime.zygote.spare import run_spare
    from aerodrome_runtime.zygote.triggers import run_triggers

    preload.warm_and_freeze()
    preload.prove_single_threaded()
    ready = preload.describe(seconds=time.monotonic() - started)
    roles: dict[str, Role] = {
        "spare": run_spare,
        "dags": run_dags,
        "parse": run_parse,
        "triggers": run_triggers,
        "connection": run_connection_test,
    }
    serve(control=control, roles=roles, ready=ready)


def _above_reserved(fd: int) -> int:
    import fcntl

    lifted = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16)
    os.close(fd)
    return lifted


if __name__ == "__main__":
    main()
