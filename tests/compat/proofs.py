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
        [
            "tests/compat/test_airflow_supervisor.py",
            "tests/compat/test_task_sdk_client.py",
            "tests/ledger/test_watch_silent.py",
        ],
    ),
    (
        "every operation of the Task Execution API, and the task state store",
        ["tests/api/execution/test_operations.py", "tests/api/execution/test_task_store.py"],
    ),
    (
        "XComs that are too large or none for a database",
        ["tests/journeys/test_xcom_bounds.py", "tests/services/execution/test_large_xcoms.py"],
    ),
]
"""(feature, test files)."""
