"""A ready base runtime for a stack's agent, so that no test waits for packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.support.built_runtime import build_test_runtime


def furnish_base(*, runtimes: Path, links: bool = True, base: Path | None = None) -> Path:
    """Put the locked base into an agent's `runtimes` folder, under the name its builder looks for.

    With `links` hard ones where that is possible: the builder replaces files and never writes into one.
    """
    base = base or _base()
    place = runtimes / base.name
    runtimes.mkdir(parents=True, exist_ok=True)
    if links:
        linked = subprocess.run(["cp", "-al", str(base), str(place)], capture_output=True, check=False)
        if linked.returncode == 0:
            return place
        subprocess.run(["rm", "-rf", str(place)], check=True)
    subprocess.run(["cp", "-a", "--reflink=auto", str(base), str(place)], check=True)
    return place


def furnished_python() -> Path:
    """The interpreter that a furnished base will start, wherever it is linked from."""
    return (_base() / "bin" / "python").resolve()


def furnished_base() -> Path:
    """The environment that is put into an agent's `runtimes` folder."""
    return _base()


def _base() -> Path:
    named = os.environ.get("AERODROME_TEST_RUNTIME")
    if named:
        base = Path(named).parents[1].resolve()
        if base.name.startswith("base-"):  # any other environment is not what the builder would have made
            return base
    return build_test_runtime()
