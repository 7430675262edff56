"""Tenant runtimes on this machine: which exist, what their base is, and what a process in one may read.

`runtimes/<digest>/` is a virtual environment. A runtime built by `build` says in `aerodrome.json` which base it
was copied from; one without that file is its own base (the locked base itself, or one put there by hand).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

MARK = "aerodrome.json"


PATIENCE_SECONDS = 1800.0
"""How long what needs a runtime waits for it to be built here."""


class RuntimeMissing(Exception):
    """No such runtime here: it must be built first (a `build` workload)."""

    def __init__(self, digest: str, message: str) -> None:
        super().__init__(message)
        self.digest = digest


@dataclass(frozen=True)
class Runtime:
    digest: str
    path: Path
    base: Path
    """The environment whose Python runs the zygote: trusted packages only."""

    @property
    def base_python(self) -> Path:
        return self.base / "bin" / "python"


def find_runtime(*, directory: Path, digest: str) -> Runtime:
    """The runtime of this digest. Raises RuntimeMissing."""
    if not digest or "/" in digest or digest.startswith("."):
        raise RuntimeMissing(digest, f"{digest!r} is not a runtime digest")
    path = (directory / digest).resolve()
    if not (path / "bin" / "python").exists():
        raise RuntimeMissing(digest, f"runtime {digest} is not on this agent; it must be built first")
    mark = path / MARK
    base = (directory / json.loads(mark.read_text())["base"]).resolve() if mark.exists() else path
    return Runtime(digest=digest, path=path, base=base)


def airflow_versions(*, directory: Path) -> list[str]:
    """Which Airflow versions this agent can start at once."""
    found = set()
    for packages in directory.glob("*/lib/python3.*/site-packages"):
        for info in packages.glob("apache_airflow-*.dist-info"):
            found.add(info.name.removeprefix("apache_airflow-").removesuffix(".dist-info"))
    return sorted(found)
