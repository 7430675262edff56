"""Tasks that wait without a worker: deferred to an instant, they are a row with a wake-up time and nothing else."""

from datetime import datetime, timedelta

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import dag, task


@dag(schedule=None, start_date=datetime(2024, 1, 1), tags=["example", "deferral"])
def waiting():
    passed = DateTimeSensorAsync(task_id="long_passed", target_time=datetime(2024, 1, 1))
    soon = DateTimeSensorAsync(
        task_id="in_three_seconds",
        target_time="{{ (dag_run.run_after + macros.timedelta(seconds=3)).isoformat() }}",
    )
    delta = TimeDeltaSensor(task_id="two_seconds_after", delta=timedelta(seconds=2), deferrable=True)

    @task
    def go_on(dag_run=None) -> str:
        return f"{dag_run.run_id} has waited"

    [passed, soon, delta] >> go_on()


waiting()
