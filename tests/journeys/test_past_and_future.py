"""A DAG with a Timetable of its own runs by it; a backfill goes through the past; neither needs anybody to look on."""

from __future__ import annotations

from typing import Any

from launcher.demo.http import DemoRefused
from tests.support.stack_tenant import StackTenant

FILES = {
    "dags/own.py": '''
        from datetime import datetime, timedelta, timezone

        from airflow.sdk import dag, task
        from airflow.timetables.base import DagRunInfo, DataInterval, Timetable

        DAY = timedelta(days=1)


        class EveryOther(Timetable):
            """Every other day, until the DAG's end."""

            def infer_manual_data_interval(self, *, run_after):
                return DataInterval(run_after - DAY, run_after)

            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                last = last_automated_data_interval
                start = restriction.earliest if last is None else last.end + DAY
                if start > restriction.latest:
                    return None
                return DagRunInfo.interval(start=start, end=start + DAY)

            def generate_run_id(self, *, run_after, **_):
                return f"other-{run_after:%m%d}"


        @dag(
            schedule=EveryOther(),
            start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
            end_date=datetime(2026, 1, 9, tzinfo=timezone.utc),
            catchup=True,
        )
        def own():
            @task
            def tell(data_interval_start=None, data_interval_end=None):
                return [data_interval_start.isoformat(), data_interval_end.isoformat()]

            tell()


        own()
    ''',
    "dags/broken.py": """
        from airflow.sdk import dag, task
        from airflow.timetables.base import Timetable


        class Broken(Timetable):
            def next_dagrun_info(self, *, last_automated_data_interval, restriction):
                raise RuntimeError("the moon is not up")


        @dag(schedule=Broken())
        def broken():
            @task
            def never(): ...

            never()


        broken()
    """,
    "dags/daily.py": """
        from datetime import datetime, timezone

        from airflow.sdk import dag, task


        @dag(schedule="@daily", start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), is_paused_upon_creation=False,
             end_date=datetime(2026, 1, 1, tzinfo=timezone.utc))
        def daily():
            @task
            def tell(dag_run=None):
                return dag_run.run_type

            tell()


        daily()
    """,
}


def _runs(tenant: StackTenant, dag_id: str, **query: str) -> list[dict[str, Any]]:
    found = tenant.call("GET", f"/dags/{dag_id}/dagRuns?order_by=run_after")
    return [run for run in found["dag_runs"] if all(run[key] == value for key, value in query.items())]


def test_own_timetables_and_backfills_on_a_stack(tenant: StackTenant) -> None:
    tenant.deploy(FILES, "own", "daily", "broken")
    names = ["other-0102", "other-0104", "other-0106", "other-0108", "other-0110"]

    def by_itself() -> bool:
        return [r["dag_run_id"] for r in _runs(tenant, "own", state="success")] == names

    tenant.stack.until(by_itself, "five runs by the own timetable", seconds=120)
    asked = {"dag_id": "daily", "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-04T00:00:00Z"}
    made = tenant.call("POST", "/backfills", {**asked, "max_active_runs": 2, "run_backwards": True})
    path = f"/backfills/{made['id']}"
    tenant.stack.until(
        lambda: tenant.call("GET", path)["completed_at"], "the backfill to be over", seconds=120
    )
    runs = _runs(tenant, "daily", run_type="backfill")
    assert [(run["logical_date"][:10], run["state"]) for run in runs] == [
        (f"2026-02-0{day}", "success") for day in (1, 2, 3, 4)
    ]
    starts = [run["start_date"] for run in runs]
    assert min(starts[2:]) <= min(starts[:2]), "the newest began first"

    # The class is asked for the past in the tenant's runtime; its start and end do not bound a backfill.
    asked = {"dag_id": "own", "from_date": "2026-02-01T00:00:00Z", "to_date": "2026-02-04T00:00:00Z"}

    def seen() -> list[str]:
        try:
            found = tenant.call("POST", "/backfills/dry_run", asked)
        except DemoRefused as refused:
            assert "answered with 503" in str(refused)
            return []
        return [one["logical_date"][:10] for one in found["backfills"]]

    assert seen() == [], "the class must be asked first"
    tenant.stack.until(seen, "the class to tell the intervals", seconds=60)
    assert seen() == ["2026-02-01", "2026-02-03"]
    path = f"/backfills/{tenant.call('POST', '/backfills', asked)['id']}"
    tenant.stack.until(lambda: tenant.call("GET", path)["completed_at"], "the second backfill", seconds=120)
    assert [r["state"] for r in _runs(tenant, "own", run_type="backfill")] == ["success", "success"]

    def told() -> list[str]:
        return [error["stack_trace"] for error in tenant.import_errors() if "broken.py" in error["filename"]]

    tenant.stack.until(told, "the broken timetable to be told of", seconds=60)
    assert "the moon is not up" in told()[0]
