"""What a real task uses reaches its tenant's usage: time by the ledger, processor and memory as its agent measured."""

from __future__ import annotations

from tests.support.stack_tenant import StackTenant

FILES = {
    "dags/busy.py": """
        import time

        from airflow.sdk import dag, task


        @dag(schedule=None)
        def busy():
            @task
            def burns():
                hoard = bytearray(64 * 1024 * 1024)
                until = time.process_time() + 0.5
                while time.process_time() < until:
                    pass
                return len(hoard)

            burns()


        busy()
    """,
}


def test_a_task_is_metered(tenant: StackTenant) -> None:
    tenant.deploy(FILES, "busy")
    run = tenant.trigger("busy")
    assert tenant.until_over(run) == ["success"]

    def measured() -> list[tuple[object, ...]]:
        return tenant.rows(
            "SELECT cpu_us, peak_bytes, memory_mib_us, ended_at - started_at FROM attempt_usage WHERE kind = 'measured'"
        )

    [(cpu_us, peak_bytes, memory_mib_us, _)] = tenant.stack.until(measured, "the agent told what it measured")
    [(task_us,)] = tenant.rows("SELECT task_us FROM attempt_usage WHERE kind = 'held'")
    assert isinstance(cpu_us, int) and cpu_us >= 500_000
    assert isinstance(peak_bytes, int) and peak_bytes >= 64 * 2**20
    assert isinstance(memory_mib_us, int) and memory_mib_us >= 64 * 500_000
    assert isinstance(task_us, int) and task_us >= 500_000
    seen = tenant.door.call("GET", f"/api/portal/v1/tenants/{tenant.slug}/usage?by=task")
    [row] = seen["usage"]
    assert (row["dag_id"], row["task_id"], row["attempts"]) == ("busy", "burns", 1)
    assert row["cpu_seconds"] == cpu_us / 1e6
    assert row["task_seconds"] == task_us / 1e6
