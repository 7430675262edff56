"""`python -m aerodrome_runtime.agent`: read the environment, run until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from aerodrome_runtime.agent.configuration import BadConfiguration, read_settings


def main() -> None:
    try:
        settings = read_settings()
    except BadConfiguration as error:
        sys.exit(f"aerodrome-agent: {error}")
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr
    )
    asyncio.run(_run(settings))


async def _run(settings: object) -> None:
    from aerodrome_runtime.agent.configuration import Settings
    from aerodrome_runtime.agent.service import Agent

    assert isinstance(settings, Settings)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await Agent(settings).run(stopping)


if __name__ == "__main__":
    main()
