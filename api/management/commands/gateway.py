"""`manage.py gateway`: serve agents on the gateway's socket until TERM."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand

from api.agent import wiring
from api.agent.gateway import Gateway
from controlplane.foundation.logging import configure_logging


class Command(BaseCommand):
    help = "Serve agents (claims, reports, logs) on a Unix socket, or on --host and --port."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host")
        parser.add_argument("--port", type=int, default=8091)

    def handle(self, *args: Any, **options: Any) -> None:
        configure_logging()
        wiring.connect()
        token = Path(settings.AGENT_TOKEN_FILE).read_text(encoding="utf-8").strip()
        where: dict[str, Any] = {"uds": settings.GATEWAY_SOCKET}
        if options["host"]:
            where = {"host": options["host"], "port": options["port"]}
        uvicorn.run(
            Gateway(token=token),
            **where,
            access_log=False,
            log_level="warning",
            timeout_keep_alive=120,
            timeout_graceful_shutdown=2,  # a claim that waits for work would hold the stop for its whole poll
        )
