"""What the supervisor of Airflow runs against our Execution API: every way in which a task can end, and what it asks."""

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import DAG, Asset, BaseOperator, Connection, Variable, task
from airflow.sdk.exceptions import AirflowSkipException

NOW = timedelta(0)


class Waits(BaseOperator):
    """Defers until an instant that is over."""

    def execute(self, context):
        moment = datetime(2024, 1, 1, tzinfo=UTC)
        self.defer(
            trigger=DateTimeTrigger(moment=moment), method_name="woken", kwargs={"told": [1, {"a": 2}]}
        )

    def woken(self, context, event=None, told=None):
        return {"told": told, "event": str(event), "try": context["ti"].try_number}


with DAG("supervised", schedule=None):

    @task(outlets=[Asset("made")])
    def pushes(ti=None):
        ti.xcom_push("extra", [1, None, {"two": 2}])
        return {"n": 41}

    @task
    def pulls(value, ti=None):
        assert ti.xcom_pull(task_ids="pushes", key="extra") == [1, None, {"two": 2}]
        return value["n"] + 1

    @task(retries=1, retry_delay=NOW)
    def fails_once(ti=None, task_state_store=None):
        if ti.try_number == 1:
            task_state_store.set("job", {"id": 7})
            raise ValueError("for the first time")
        return task_state_store.get("job")

    @task
    def fails():
        raise ValueError("for good")

    @task
    def skips():
        raise AirflowSkipException("not today")

    @task.sensor(poke_interval=0, timeout=600, mode="reschedule")
    def looks_twice():
        if Variable.get("looked", default=None) is None:
            Variable.set("looked", "yes")
            return False
        return True

    @task
    def reads():
        connection = Connection.get("db")
        return [Variable.get("colour"), connection.host, connection.password]

    @task.branch
    def chooses():
        return "chosen"

    @task
    def numbers():
        return [1, 2, 3]

    @task
    def each(n):
        return n * 10

    @task
    def sums(values):
        return sum(values)

    @task
    def after(name):
        return name

    pulls(pushes())
    fails_once()
    fails() >> after.override(task_id="after_failure")("x")
    skips() >> after.override(task_id="after_skip")("x")
    looks_twice()
    reads()
    chooses() >> [after.override(task_id="chosen")("x"), after.override(task_id="not_chosen")("x")]
    sums(each.expand(n=numbers()))
    Waits(task_id="waits")

with DAG("large", schedule=None):

    @task
    def spilled():
        return "s" * 60_000

    @task
    def reads_spilled(value):
        return len(value)

    @task(retries=1, retry_delay=NOW)
    def too_large(ti=None):
        ti.xcom_push("small", "kept")
        return "t" * 200_000

    @task
    def with_nul():
        return "a\x00b"

    @task
    def after_too_large(value):
        return value

    reads_spilled(spilled())
    after_too_large(too_large())
    with_nul()
