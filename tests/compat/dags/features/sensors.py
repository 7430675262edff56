"""Sensors: poke and reschedule, values, time-outs, soft failures"""

from datetime import timedelta

from airflow.sdk import DAG, PokeReturnValue, task

with DAG("feature_sensors", schedule=None):

    @task.sensor(poke_interval=0.2, timeout=30, mode="poke")
    def pokes(ti=None):
        return PokeReturnValue(is_done=True, xcom_value="found")

    @task.sensor(poke_interval=1, timeout=60, mode="reschedule")
    def comes_back(ti=None):
        from airflow.sdk import get_current_context
        from airflow.sdk.timezone import utcnow

        first = ti.get_first_reschedule_date(get_current_context())
        return first is not None and utcnow() - first > timedelta(seconds=2)

    @task.sensor(poke_interval=0.2, timeout=0.5, mode="poke")
    def too_late():
        return False

    @task.sensor(poke_interval=0.2, timeout=0.5, mode="poke", soft_fail=True)
    def too_late_softly():
        return False

    @task.sensor(poke_interval=1, timeout=1, mode="reschedule", retries=0)
    def too_late_coming_back():
        return False

    pokes()
    comes_back()
    too_late()
    too_late_softly()
    too_late_coming_back()
