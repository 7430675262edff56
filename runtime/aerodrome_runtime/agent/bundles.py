"""Bundle versions on this machine: fetched once by digest, verified, unpacked read-only, evicted when unused."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import time
from pathlib import Path

from aerodrome_runtime.agent.gateway import Gateway
from aerodrome_runtime.agent.unpack import MOST_BYTES, unpack

KEPT = 64
"""How many bundle versions stay on disk; those in use are never evicted."""
RESTED_SECONDS = 600.0


class BundleCorrupt(Exception):
    """The artefact's bytes do not have the digest they were asked for by."""


class Bundles:
    """`acquire` gives the folder and counts a user of it; `release` takes the user away."""

    def __init__(self, *, directory: Path, gateway: Gateway) -> None:
        self._directory = directory
        self._gateway = gateway
        self._users: dict[str, int] = {}
        self._fetching: dict[str, asyncio.Task[Path]] = {}
        self._ready: dict[str, float] = {}
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)
        for entry in directory.iterdir():
            if entry.suffix:
                shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink()
            else:
                self._ready[entry.name] = entry.stat().st_mtime

    async def acquire(self, digest: str) -> Path:
        """The unpacked bundle. Raises BundleCorrupt, unpack.BundleHostile, or the gateway's errors."""
        self._users[digest] = self._users.get(digest, 0) + 1
        try:
            if digest in self._ready:
                self._ready[digest] = time.time()
                return self._directory / digest
            task = self._fetching.get(digest)
            if task is None:
                task = asyncio.create_task(self._fetch(digest))
                self._fetching[digest] = task
                task.add_done_callback(lambda _: self._fetching.pop(digest, None))
            return await asyncio.shield(task)
        except BaseException:
            self.release(digest)
            raise

    def release(self, digest: str) -> None:
        if digest in self._ready:
            self._ready[digest] = time.time()
        left = self._users.get(digest, 0) - 1
        if left > 0:
            self._users[digest] = left
        else:
            self._users.pop(digest, None)

    async def _fetch(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise BundleCorrupt(f"{digest!r} is not a SHA-256 digest")
        self._evict()
        artefact = self._directory / f"{digest}.tar"
        partial = self._directory / f"{digest}.partial"
        final = self._directory / digest
        try:
            await self._gateway.fetch_bundle(digest=digest, target=artefact, most_bytes=MOST_BYTES)
            await asyncio.to_thread(_verify_and_unpack, artefact, partial, final, digest)
        finally:
            artefact.unlink(missing_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
        self._ready[digest] = time.time()
        return final

    def _evict(self) -> None:
        # A DAG zygote may hold a bundle a while after its last attempt: what was used lately stays.
        before = time.time() - RESTED_SECONDS
        unused = sorted(
            (at, digest) for digest, at in self._ready.items() if digest not in self._users and at < before
        )
        for _, digest in unused[: max(0, len(self._ready) - KEPT + 1)]:
            del self._ready[digest]
            shutil.rmtree(self._directory / digest, ignore_errors=True)


def _verify_and_unpack(artefact: Path, partial: Path, final: Path, digest: str) -> None:
    with artefact.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != digest:
        raise BundleCorrupt(f"bundle {digest} arrived as {found}")
    shutil.rmtree(partial, ignore_errors=True)
    unpack(artefact=artefact, target=partial)
    partial.rename(final)
