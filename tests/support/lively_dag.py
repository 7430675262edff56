"""A DAG for tests that kill things: a chain, a mapped fan-out, a task that fails first, a join.

Each attempt tells its own try as its result. Losing an attempt costs a try, so there are tries to spare.
"""

from __future__ import annotations

from typing import Any

from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/lively.py": """
        import time

        from airflow.sdk import dag, task

        SECONDS = 0.15  # long enough to be killed in the middle


        @dag(schedule=None, default_args={"retries": 6, "retry_delay": 0})
        def lively():
            @task
            def first(ti=None):
                time.sleep(SECONDS)
                return ti.try_number

            @task
            def second(before, ti=None):
                time.sleep(SECONDS)
                return ti.try_number

            @task
            def wide(number, ti=None):
                time.sleep(SECONDS)
                return [number, ti.try_number]

            @task
            def stumbles(ti=None):
                if ti.try_number == 1:
                    raise ValueError("the first try fails")
                return ti.try_number

            @task
            def join(rows, after, ti=None):
                return sorted(row[0] for row in rows)

            chain = second(first())
            join(wide.partial().expand(number=[1, 2, 3]), [chain, stumbles()])


        lively()
    """,
}
"""The bundle; its DAG is `lively`."""

INSTANCES = 7
"""Of each run, after expansion."""


def assert_ran_once(tenant: StackTenant, runs: list[Run]) -> None:
    """Every instance ended as one success, of its last try; what each told is that try's word."""
    for run in runs:
        rows = tenant.instances(run)
        assert [row["state"] for row in rows] == ["success"] * INSTANCES, rows
        for row in rows:
            if row["task_id"] != "join":
                told: Any = tenant.xcom(run, row["task_id"], map_index=row["map_index"])
                attempt = told[1] if isinstance(told, list) else told
                assert attempt == row["try_number"], (row["task_id"], told, row["try_number"])
        assert tenant.xcom(run, "join") == [1, 2, 3]
    successes = tenant.rows(
        """SELECT ti.run_id, ti.task_id, ti.map_index,
                  (ti.state = 'success')::int
                  + count(t.id) FILTER (WHERE t.state = 'success') AS successes,
                  count(DISTINCT t.epoch) = count(t.id) AS one_epoch_each,
                  coalesce(max(t.try_number), 0) < ti.try_number AS tries_go_up
           FROM task_instance ti LEFT JOIN task_try t ON t.task_instance_id = ti.id
           GROUP BY ti.id"""
    )
    wrong = [row for row in successes if row[3:] != (1, True, True)]
    assert not wrong, wrong
    assert tenant.rows("SELECT id FROM task_instance WHERE task_id = 'stumbles' AND try_number < 2") == []
