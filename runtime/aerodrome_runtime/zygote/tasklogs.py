"""Structured logs of a child go to descriptor 3 as JSON lines, as Airflow's supervisor configures them."""

from __future__ import annotations

import io

from aerodrome_runtime.zygote.stdio import LOG_FD


def configure() -> None:
    """Point structlog and stdlib logging at descriptor 3, unmasked: masking is the agent's work.

    Called once in the base zygote (where 3 is /dev/null), so that loggers cached by then write to whatever a
    child puts there. Same calls as `supervisor._configure_logs_over_json_channel`.
    """
    from airflow.sdk.log import configure_logging, reset_logging

    output = io.FileIO(LOG_FD, "wb", closefd=False)
    reset_logging()
    configure_logging(json_output=True, output=output, sending_to_supervisor=True)
