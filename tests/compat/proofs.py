"""Features that one finished run on Airflow cannot show, and the tests that show them here."""

from __future__ import annotations

PROOFS: list[tuple[str, list[str]]] = [
    (
        "`depends_on_past`, `wait_for_downstream`",
        ["tests/equivalence/test_random_pasts.py", "tests/services/scheduler/test_past.py"],
    ),
    ("sticky skips, and all of it again after a clear", ["tests/equivalence/test_random_clears.py"]),
    ("10,000 map indexes", ["tests/services/scheduler/test_ten_thousand.py"]),
    (
        "priority weights, weight strategies of the author's own",
        [
            "tests/unit/test_graph.py",
            "tests/runtime/translate/test_tasks.py",
            "tests/journeys/test_bad_input.py",
        ],
    ),
    (
        "pools with slots and deferred slots, every concurrency limit",
        ["tests/services/scheduler/test_limits.py", "tests/unit/test_capacity.py"],
    ),
    (
        "execution timeout, run timeout",
        ["tests/journeys/test_retry_and_timeout.py", "tests/services/scheduler/test_endings.py"],
    ),
    ("retry delays and policies", ["tests/unit/test_retries.py", "tests/journeys/test_waits.py"]),
    ("params against their schema, run types", ["tests/services/runs/test_trigger.py"]),
    (
        "the next 200 intervals of every kind of timetable",
        ["tests/unit/test_timetables.py", "tests/services/runs/test_timetables.py"],
    ),
    (
        "assets: runs by events, conditions, partitions, watchers",
        [
            "tests/journeys/test_assets.py",
            "tests/journeys/test_watchers.py",
            "tests/services/runs/test_asset_runs.py",
            "tests/services/runs/test_asset_partitions.py",
        ],
    ),
    (
        "triggers: moved from a silent or dead agent within 30 s, bad ones alone, 2,000 at once",
        [
            "tests/processes/test_triggers.py",
            "tests/runtime/test_triggers.py",
            "tests/services/triggerer/test_many.py",
            "tests/services/triggerer/test_timers.py",
        ],
    ),
    ("human in the loop", ["tests/journeys/test_hitl.py", "tests/api/test_hitl.py"]),
    (
        "backfill",
        ["tests/services/runs/test_backfill.py", "tests/equivalence/test_random_backfills.py"],
    ),
    (
        "clear, mark, rerun",
        [
            "tests/services/runs/test_clear.py",
            "tests/services/runs/test_mark.py",
            "tests/journeys/test_clear.py",
        ],
    ),
    ("TriggerDagRun, ExternalTaskSensor", ["tests/journeys/test_across_dags.py"]),
    ("providers import, and run where they need no outside service", ["tests/runtime/test_providers.py"]),
    ("bad input: a clear state and a reason", ["tests/journeys/test_bad_input.py"]),
    ("why a task waits", ["tests/journeys/test_waits.py", "tests/services/runs/test_waits.py"]),
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
