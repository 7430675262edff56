"""Ask Airflow's own `TaskInstance.next_retry_datetime` for delays, and store its answers.

    <python with apache-airflow==3.3.2> tests/unit/oracle_retries.py > tests/fixtures/retries.json

Run by hand when Airflow's version changes. `test_retries.py` reads the answers, and asks again when
`AERODROME_TEST_RUNTIME` names such a python. A row is [retry delay, multiplier, greatest delay, try, task id,
logical date, Airflow's delay], all times in seconds or ISO 8601.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from itertools import product
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())

from airflow.models.taskinstance import TaskInstance
from airflow.utils.sqlalchemy import UtcDateTime

END = datetime(2025, 1, 1, tzinfo=UTC)
DATES = (None, "2025-01-01T00:00:00+00:00", "2025-10-26T01:30:00.250000+00:00")


def from_database(text: str | None) -> Any:
    """A logical date as Airflow reads it back: in UTC, in the class its column gives."""
    if text is None:
        return None
    return UtcDateTime().process_result_value(datetime.fromisoformat(text), None)


def row(
    delay: float, multiplier: float, greatest: float | None, try_number: int, task: str, date: str | None
) -> list[Any]:
    ti = SimpleNamespace(
        retry_delay_override=None,
        end_date=END,
        dag_id="payments",
        task_id=task,
        logical_date=from_database(date),
        try_number=try_number,
        log=logging.getLogger("quiet"),
        task=SimpleNamespace(
            retry_delay=timedelta(seconds=delay),
            retry_exponential_backoff=multiplier,
            max_retry_delay=None if greatest is None else timedelta(seconds=greatest),
        ),
    )
    answer = (TaskInstance.next_retry_datetime(ti) - END).total_seconds()
    return [delay, multiplier, greatest, try_number, task, date, answer]


if __name__ == "__main__":
    logging.disable()
    rows = [
        row(*one)
        for one in product(
            (0.0, 0.3, 17.0, 300.0),
            (0.0, 1.0, 2.0, 1.5, 0.5, -2.0),
            (None, 0.0, 60.0, 100000.0),
            (1, 2, 3, 7, 5000),
            ("load",),
            DATES,
        )
    ]
    sys.stdout.write("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in rows) + "\n]\n")
