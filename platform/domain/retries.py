"""Whether a failed attempt is tried again, and after how long. Called when an attempt ends badly."""

from __future__ import annotations

import hashlib
import math
from datetime import UTC, datetime
from typing import Final

MAX_RETRY_DELAY_SECONDS: Final = 24 * 60 * 60
"""Airflow's `core.max_task_retry_delay`: the cap of every computed backoff."""


def delay_seconds(
    *,
    retry_delay_seconds: float,
    multiplier: float,
    max_retry_delay_seconds: float | None,
    try_number: int,
    key: tuple[str, str, datetime | None],
) -> float:
    """Seconds between the end of try `try_number` (from 1) and the next one.

    Airflow's `TaskInstance.next_retry_datetime`: constant when `multiplier` is 0 or 1; otherwise
    `retry_delay * multiplier ** (try - 1)`, rounded up, plus a jitter of the same size at most that depends
    only on `key` (DAG id, task id, logical date) and the try, so that the answer never changes.
    `max_retry_delay_seconds` bounds only the growing kind, as in Airflow.
    """
    if multiplier in (0.0, 1.0) or multiplier < 0:
        return retry_delay_seconds
    try:
        base = math.ceil(retry_delay_seconds * multiplier ** (try_number - 1))
    except OverflowError:
        base = MAX_RETRY_DELAY_SECONDS
    base = max(base, 1)
    dag_id, task_id, logical_date = key
    if logical_date is not None:
        logical_date = logical_date.astimezone(UTC)
    text = f"{dag_id}#{task_id}#{logical_date}#{try_number}"
    jitter = int(hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), 16) % base
    delay = float(min(base + jitter, MAX_RETRY_DELAY_SECONDS))
    if max_retry_delay_seconds:
        delay = min(delay, max_retry_delay_seconds)
    return delay


def should_retry(*, try_number: int, max_tries: int, is_restarting: bool = False) -> bool:
    """Whether try `try_number` (from 1), having failed, is followed by another.

    `max_tries` is the number of *retries* allowed, Airflow's name for it. A task that was cleared while it
    ran (`restarting`) always gets another try.
    """
    return is_restarting or (max_tries != 0 and try_number <= max_tries)
