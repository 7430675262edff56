"""A bundle's parse as the agent does it, without a control plane: one order from stdin, its answer to stdout.

`python -m aerodrome_runtime.agent.rehearsal`, started by `./aerodrome validate`. The same builder, the same jail
and the same parse child as for a push, so that the verdict is the same. Talks to nobody but the package index.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec

from aerodrome_runtime.agent.build import Builder
from aerodrome_runtime.agent.confine import Confinement, probe_level
from aerodrome_runtime.agent.installed import install_site
from aerodrome_runtime.agent.parsing import Parsers
from aerodrome_runtime.agent.zygotes import BaseZygotes
from aerodrome_runtime.jail.cgroups import move_self_into_leaf
from taskwire.parsing import ParseOrder, ParseReport
from taskwire.workload import BuildWork


class Rehearsal(msgspec.Struct, kw_only=True):
    """`directory` is ours to write in, `runtimes` and `uids` are shared with the agents of this machine."""

    directory: str
    runtimes: str
    uids: str
    bundle: str
    build: BuildWork
    order: ParseOrder | None = None
    """Without one only the runtime is built."""

    uv: str | None = None


class Rehearsed(msgspec.Struct, kw_only=True):
    """`built` is empty when the runtime is there; else why it could not be built, in the resolver's words."""

    built: str = ""
    report: ParseReport | None = None
    runtime: str = ""


class _OneBundle:
    """Stands where the agent's store of bundles does: a folder that is here already."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def acquire(self, digest: str) -> Path:
        return self._path

    def release(self, digest: str) -> None:
        return


def main() -> None:
    rehearsal = msgspec.json.decode(sys.stdin.buffer.read(), type=Rehearsal)
    logging.basicConfig(level="WARNING", stream=sys.stderr)
    directory = Path(rehearsal.directory)
    directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    _share(directory / "uids", Path(rehearsal.uids))
    if os.geteuid() == 0:
        move_self_into_leaf()
    isolation = probe_level(directory=directory).isolation if rehearsal.order is not None else None
    answer = asyncio.run(_rehearse(rehearsal, directory, isolation))
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _share(link: Path, uids: Path) -> None:
    """Uids are leased by a lock on a file each: every agent of the machine must look at the same files."""
    uids.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not link.is_symlink():
        link.symlink_to(uids)


async def _rehearse(rehearsal: Rehearsal, directory: Path, isolation: Any) -> Rehearsed:
    runtimes = Path(rehearsal.runtimes)
    runtimes.mkdir(parents=True, exist_ok=True, mode=0o755)
    built = await Builder(runtimes=runtimes, uv=rehearsal.uv).run(rehearsal.build)
    if not built.ok:
        return Rehearsed(built=built.message)
    runtime = str(runtimes / rehearsal.build.runtime_digest)
    if rehearsal.order is None:
        return Rehearsed(runtime=runtime)
    own = directory / f"run-{os.getpid()}"
    own.mkdir(mode=0o755)
    _share(own / "uids", Path(rehearsal.uids))
    site = install_site(directory / "site")
    zygotes = BaseZygotes(directory=own / "zygotes", site=site)
    confinement = Confinement(directory=own, site=site, isolation=isolation, network="none")
    bundles: Any = _OneBundle(Path(rehearsal.bundle))
    parsers = Parsers(bundles=bundles, zygotes=zygotes, confinement=confinement, runtimes=runtimes)
    try:
        report = await parsers.run(order=rehearsal.order, tenant="validate")
    finally:
        await zygotes.close()
        _remove(own)
    return Rehearsed(report=report, runtime=runtime)


def _remove(own: Path) -> None:
    (own / "uids").unlink(missing_ok=True)
    shutil.rmtree(own, ignore_errors=True)


if __name__ == "__main__":
    main()
