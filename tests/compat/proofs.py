"""Features that one finished run on Airflow cannot show, and the tests that show them here."""

from __future__ import annotations

PROOFS: list[tuple[str, list[str]]] = [
    (
        "callbacks of tasks and runs, once each, also after a kill",
        ["tests/runtime/test_callbacks.py", "tests/processes/test_callbacks.py"],
    ),
    ("e-mail on failure and retry", ["tests/runtime/test_mail.py"]),
    ("deadlines and `sla`", ["tests/services/alerts/test_deadlines.py"]),
    ("older dated versions of the Task Execution API", ["tests/api/execution/test_versions.py"]),
    (
        "supervisors other than our agent, and their silence",
        ["tests/compat/test_task_sdk_client.py", "tests/ledger/test_watch_silent.py"],
    ),
]
"""(feature, test files)."""
