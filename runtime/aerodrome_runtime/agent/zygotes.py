"""The base zygotes of this agent: one per base runtime, started on demand, evicted when idle.

A base zygote holds trusted code only, so every tenant of the same Airflow and Python shares it: an idle tenant
costs nothing here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path

from aerodrome_runtime.agent.environments import zygote_environment
from aerodrome_runtime.agent.runtimes import Runtime
from aerodrome_runtime.agent.zygotelink import (
    READY_SECONDS,
    BaseZygote,
    ZygoteLink,
    ZygoteLost,
    start_base_zygote,
)

log = logging.getLogger("aerodrome.agent")
IDLE_SECONDS = 600.0


class BaseZygotes:
    """`link` gives a ready link; a lost zygote is started again by the next call."""

    def __init__(self, *, directory: Path, site: Path) -> None:
        self._directory = directory
        self._site = site
        self._running: dict[Path, BaseZygote] = {}
        self._ended: list[BaseZygote] = []
        directory.mkdir(parents=True, exist_ok=True, mode=0o755)

    async def link(self, runtime: Runtime) -> ZygoteLink:
        """A link to the zygote of the runtime's base, started and warm. Raises ZygoteLost."""
        zygote = self._running.get(runtime.base)
        if zygote is None or zygote.link.lost:
            zygote = self._start(runtime)
        zygote.used_at = time.monotonic()
        await asyncio.wait([zygote.link.ready], timeout=READY_SECONDS)
        if not zygote.link.ready.done():
            zygote.kill()
            raise ZygoteLost(f"{zygote.link.name} was not ready in {READY_SECONDS} s")
        zygote.link.ready.result()
        return zygote.link

    def evict(self) -> None:
        """End zygotes that nobody used for a while, collect ended ones. Called by the beat loop."""
        now = time.monotonic()
        for base, zygote in list(self._running.items()):
            if zygote.link.children:
                zygote.used_at = now
            elif now - zygote.used_at > IDLE_SECONDS and not zygote.link.lost:
                log.info("%s is idle: ended", zygote.link.name)
                zygote.link.close()
                self._ended.append(self._running.pop(base))
        self._ended = [zygote for zygote in self._ended if zygote.process.poll() is None]

    async def close(self) -> None:
        for zygote in [*self._running.values(), *self._ended]:
            zygote.link.close()
        for zygote in [*self._running.values(), *self._ended]:
            for _ in range(100):
                if zygote.process.poll() is not None:
                    break
                await asyncio.sleep(0.02)
            else:
                zygote.kill()
                await asyncio.to_thread(zygote.process.wait)

    def _start(self, runtime: Runtime) -> BaseZygote:
        old = self._running.pop(runtime.base, None)
        if old is not None:
            self._ended.append(old)
        name = f"{runtime.base.name}"
        home = self._directory / name
        home.mkdir(parents=True, exist_ok=True, mode=0o755)
        with (self._directory / f"{name}.err").open("ab") as errors:
            zygote = start_base_zygote(
                loop=asyncio.get_running_loop(),
                python=runtime.base_python,
                environment=zygote_environment(site=self._site, home=home),
                errors=errors,
                now=time.monotonic(),
            )
        self._running[runtime.base] = zygote
        zygote.link.ready.add_done_callback(
            lambda ready: (
                None
                if ready.cancelled() or ready.exception()
                else log.info("%s ready in %.1f s", zygote.link.name, ready.result().seconds)
            )
        )
        return zygote
