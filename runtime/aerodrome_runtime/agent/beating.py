"""The beat: says what this agent holds, hears what must stop, carries fresh tokens back, evicts what is idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aerodrome_runtime.agent.gateway import GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.session import Session
from taskwire.agent import Beat, BeatResult

log = logging.getLogger("aerodrome.agent")


async def beat_for_ever(
    *,
    session: Session,
    running: Callable[[], list[tuple[str, str, int]]],
    usage: Callable[[], dict[str, object]],
    heard: Callable[[BeatResult], None],
) -> None:
    """Beat every `beat_seconds` of the registration, until cancelled. A missed beat is only logged."""
    while True:
        who = await session.current()
        try:
            result = await session.call(
                lambda who: session.gateway.beat(
                    Beat(agent_id=who.agent_id, epoch=who.epoch, running=running(), usage=usage())
                )
            )
        except (GatewayUnreachable, GatewayRefused) as error:
            log.warning("cannot beat: %s", error)
        else:
            heard(result)
        await asyncio.sleep(who.beat_seconds)
