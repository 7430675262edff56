"""Who this agent is to the control plane right now: registered once, and again whenever the gateway forgot it."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aerodrome_runtime.agent.gateway import Gateway, GatewayGone, GatewayRefused, GatewayUnreachable
from taskwire.agent import Register, Registered
from taskwire.version import WIRE_VERSION

log = logging.getLogger("aerodrome.agent")
Answer = TypeVar("Answer")


class Session:
    """`call` runs a request with the current identity and registers again on 410."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        name: str,
        slots: int,
        level: str,
        level_detail: dict[str, Any],
        airflow_versions: list[str],
    ) -> None:
        self.gateway = gateway
        self._word = Register(
            name=name,
            wire_version=WIRE_VERSION,
            slots=slots,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            level=level,
            level_detail=level_detail,
            airflow_versions=airflow_versions,
        )
        self.registered: Registered | None = None
        self._registering = asyncio.Lock()

    async def current(self) -> Registered:
        """The registration; waits until there is one."""
        return self.registered or await self._register(None)

    async def call(self, request: Callable[[Registered], Awaitable[Answer]]) -> Answer:
        """One request as this agent. Raises GatewayRefused and GatewayUnreachable; never GatewayGone."""
        while True:
            who = await self.current()
            try:
                return await request(who)
            except GatewayGone as gone:
                log.warning("the gateway does not know this agent any more, registering again: %s", gone)
                await self._register(who)

    async def _register(self, old: Registered | None) -> Registered:
        async with self._registering:
            if self.registered is not None and self.registered is not old:
                return self.registered
            self.registered = None
            pause = 0.05
            while True:
                try:
                    self.registered = await self.gateway.register(self._word)
                except (GatewayUnreachable, GatewayRefused, GatewayGone) as error:
                    if isinstance(error, GatewayRefused) and error.status in (400, 401, 403, 409, 426):
                        log.error("the gateway refuses this agent: %s", error)
                    else:
                        log.warning("cannot register: %s", error)
                    await asyncio.sleep(pause * random.uniform(0.5, 1.5))
                    pause = min(pause * 2, 5.0)
                    continue
                log.info("registered as %s epoch %s", self.registered.agent_id, self.registered.epoch)
                return self.registered
