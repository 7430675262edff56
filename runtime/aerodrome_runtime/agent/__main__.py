"""`python -m aerodrome_runtime.agent`: read the environment, probe the jail, run until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from aerodrome_runtime.agent.configuration import BadConfiguration, Settings, read_settings
from aerodrome_runtime.agent.confine import probe_level
from aerodrome_runtime.jail.cgroups import move_self_into_leaf
from aerodrome_runtime.jail.level import Level, describe


def main() -> None:
    try:
        settings = read_settings()
    except BadConfiguration as error:
        sys.exit(f"aerodrome-agent: {error}")
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    settings.directory.mkdir(parents=True, exist_ok=True, mode=0o755)
    if os.geteuid() == 0:
        move_self_into_leaf()
    level = probe_level(directory=settings.directory)
    (logging.info if level.name == "L3" else logging.warning)("%s", describe(level))
    asyncio.run(_run(settings, level))


async def _run(settings: Settings, level: Level) -> None:
    from aerodrome_runtime.agent.service import Agent

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await Agent(settings, level).run(stopping)


if __name__ == "__main__":
    main()
