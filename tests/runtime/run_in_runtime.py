"""Runs inside a tenant runtime's interpreter, for tests: one JSON order a line in, one JSON answer a line out.

Every order is done in a fork of this warm process, as a parse child is one of its zygote. `parse`: a file of a
bundle, answered with the `FileParse`. `candidates`: the files that may hold DAGs. `code`: Python text that
leaves its answer in `result`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    """Warm up, then answer until stdin ends."""
    from aerodrome_runtime.parse.warm import warm
    from aerodrome_runtime.shim.install import install

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if "--without-shim" not in sys.argv:
        install()
    warm()
    for line in sys.stdin:
        answers.write(in_fork(json.loads(line)) + "\n")
        answers.flush()


def in_fork(order: dict[str, Any]) -> str:
    """The answer of a child that does `order`; what it raises is an answer too."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(readable)
        try:
            answer = {"answer": do(order)}
        except BaseException:
            answer = {"raised": traceback.format_exc()}
        with os.fdopen(writable, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        told = pipe.read()
    os.waitpid(pid, 0)
    return told or json.dumps({"raised": "the child died without an answer"})


def do(order: dict[str, Any]) -> Any:
    import msgspec

    if "code" in order:
        names: dict[str, Any] = {}
        exec(order["code"], names)
        return names["result"]
    root = Path(order["bundle"])
    if "path" not in order:
        from aerodrome_runtime.parse.candidates import find_dag_files

        return find_dag_files(root)
    from aerodrome_runtime.parse.child import parse_file

    return msgspec.to_builtins(
        parse_file(bundle_root=root, path=order["path"], timeout_seconds=order.get("timeout_seconds"))
    )


if __name__ == "__main__":
    main()
