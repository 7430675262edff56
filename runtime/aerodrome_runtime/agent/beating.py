"""The beat: says what this agent holds, hears what must stop, carries fresh tokens back, evicts what is idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aerodrome_runtime.agent.gateway import GatewayRefused, GatewayUnreachable
from aerodrome_runtime.agent.measures import Measures
from aerodrome_runtime.agent.session import Session
from taskwire.agent import Beat, BeatResult, TriggerBeat

log = logging.getLogger("aerodrome.agent")
TRIGGERS_SECONDS = 3.0
QUIET = 10
"""With none, one beat in so many: only a claim whose answer never came could be missed."""


async def beat_for_ever(
    *,
    session: Session,
    running: Callable[[], list[tuple[str, str, int]]],
    usage: Callable[[], dict[str, object]],
    measures: Measures,
    heard: Callable[[BeatResult], None],
) -> None:
    """Beat every `beat_seconds` of the registration, until cancelled. A missed beat is only logged."""
    while True:
        who = await session.current()
        measured = measures.pending()
        try:
            result = await session.call(
                lambda who, measured=measured: session.gateway.beat(
                    Beat(
                        agent_id=who.agent_id,
                        epoch=who.epoch,
                        running=running(),
                        usage=usage(),
                        measured=measured,
                    )
                )
            )
        except (GatewayUnreachable, GatewayRefused) as error:
            log.warning("cannot beat: %s", error)
        else:
            measures.told(measured)
            heard(result)
        await asyncio.sleep(who.beat_seconds)


async def beat_triggers_for_ever(
    *,
    session: Session,
    held: Callable[[], list[tuple[str, str, int]]],
    heard: Callable[[BeatResult], None],
) -> None:
    """Say which triggers this agent holds, every few seconds while there are any, until cancelled."""
    quiet = 0
    while True:
        await asyncio.sleep(TRIGGERS_SECONDS)
        quiet = 0 if held() else quiet + 1
        if quiet > 1 and quiet % QUIET:
            continue
        try:
            result = await session.call(
                lambda who: session.gateway.triggers(
                    TriggerBeat(agent_id=who.agent_id, epoch=who.epoch, held=held())
                )
            )
        except (GatewayUnreachable, GatewayRefused) as error:
            log.warning("cannot say which triggers are held: %s", error)
        else:
            heard(result)
