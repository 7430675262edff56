"""Structured logs of the control plane's own processes: JSON lines on standard error."""

from __future__ import annotations

import logging
import os

import structlog


def configure_logging() -> None:
    """Once per process, by the management commands and the web server's entry point."""
    level = getattr(logging, os.environ.get("AERODROME_LOG_LEVEL", "INFO").upper(), logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=os.fdopen(os.dup(2), "w", buffering=1)),
        cache_logger_on_first_use=True,
    )
