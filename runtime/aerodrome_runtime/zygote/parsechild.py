"""Role `parse`: one file of a bundle becomes one `FileParse`, or a bundle the list of its files, or a timetable's
next runs a `TimetableReport`, on a pipe.

Before: the child is jailed, without a network, and holds three descriptors. After: the process has ended.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import msgspec

from aerodrome_runtime.zygote import adopt, stdio
from aerodrome_runtime.zygote.orders import Fork
from aerodrome_runtime.zygote.title import set_title
from taskwire.timetabling import TimetableOrder


def run_parse(order: Fork, fds: list[int]) -> None:
    """`fds`: result, stdout, stderr. An empty `dag_rel_path` asks which files may hold DAGs."""
    result, stdout, stderr = fds
    stdio.attach(requests=None, logs=None, stdout=stdout, stderr=stderr, result=result)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    set_title(order.title)
    adopt.environment(order.environment)
    adopt.runtime(order.place)
    adopt.block_orm()
    root = Path(order.place.bundle_path)
    # The pid is looked at again below: a file may fork while it is imported, and come back twice.
    own = os.getpid()
    if order.timetable is not None:
        from aerodrome_runtime.parse.timetable import tell_timetable

        asked = msgspec.json.decode(order.timetable, type=TimetableOrder)
        told: object = tell_timetable(bundle_root=root, order=asked)
    elif order.place.dag_rel_path:
        from aerodrome_runtime.parse.child import parse_file

        told = parse_file(bundle_root=root, path=order.place.dag_rel_path, timeout_seconds=order.seconds)
    else:
        from aerodrome_runtime.parse.candidates import find_dag_files

        told = find_dag_files(root)
    if os.getpid() == own:
        _write(msgspec.msgpack.encode(told))
    os._exit(0)


def _write(data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(stdio.RESULT_FD, view) :]
