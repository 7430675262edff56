"""Makes the lock files from their ``.in`` files: exact versions with hashes, for every platform.

A lock names no index and no host, so that it serves behind any mirror; that is checked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

# (input, output, locks whose versions must be kept), in this order.
LOCKS = (
    ("requirements/controlplane.in", "requirements/controlplane.lock", ()),
    ("requirements/dev.in", "requirements/dev.lock", ("requirements/controlplane.lock",)),
    ("runtime/locks/airflow-3.3.2.in", "runtime/locks/airflow-3.3.2.lock", ()),
    ("runtime/locks/airflow-3.3.1.in", "runtime/locks/airflow-3.3.1.lock", ()),
)
# Packages that have no wheels, alone: an agent builds exactly these (runtime/aerodrome_runtime/agent/build.py).
SOURCES = ("runtime/locks/sources.in", "runtime/locks/sources.lock")
_ADDRESS = re.compile(r"\w+://|^--(index|extra|find)", re.MULTILINE)


class LockNotMade(Exception):
    """A lock file could not be made; the old one is still in place."""


def make_locks(*, checkout: Path, upgrade: bool, tell: Callable[[str], None]) -> None:
    """Makes every lock anew. Versions stay as they are unless ``upgrade`` or the ``.in`` file wants others."""
    for source, target, constraints in LOCKS:
        make_lock(checkout=checkout, source=source, target=target, constraints=constraints, upgrade=upgrade)
        tell(f"made {target}")
    make_lock(checkout=checkout, source=SOURCES[0], target=SOURCES[1], upgrade=upgrade, alone=True)
    tell(f"made {SOURCES[1]}")


def make_lock(
    *, checkout: Path, source: str, target: str, constraints: tuple[str, ...] = (), upgrade: bool = False,
    alone: bool = False,
) -> None:  # fmt: skip
    """Makes one lock; paths are relative to ``checkout``. With ``alone`` without what its packages depend on.

    Raises ``LockNotMade`` with uv's explanation.
    """
    final = checkout / target
    work = final.with_name(f".{final.name}.new")
    if final.exists() and not upgrade:
        work.write_bytes(final.read_bytes())  # uv keeps the versions it finds there
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet", "--universal"]
    command += ["--generate-hashes", "--python-version", "3.11", "--no-header"]
    command += [f"--constraints={name}" for name in constraints]
    command += ["--no-deps"] if alone else []
    command += [source, "--output-file", str(work.relative_to(checkout))]
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    answer = subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    try:
        if answer.returncode != 0:
            raise LockNotMade(f"{source} does not resolve:\n{answer.stderr.strip()}")
        found = _ADDRESS.search(work.read_text())
        if found:
            raise LockNotMade(f"{target} would hold an address ({found[0]!r}): remove it from {source}")
        work.rename(final)
    finally:
        work.unlink(missing_ok=True)
