"""XComs: return values, keys, multiple outputs, types, pulls by task, key and map index"""

from datetime import UTC, date, datetime

from airflow.sdk import DAG, task

with DAG("feature_xcoms", schedule=None):

    @task(multiple_outputs=True)
    def several():
        return {"a": 1, "b": [1, 2]}

    @task
    def pushes(ti=None):
        ti.xcom_push("one", {"nested": {"x": [1, None, True]}})
        ti.xcom_push("when", datetime(2024, 5, 6, 7, 8, tzinfo=UTC))
        ti.xcom_push("day", "2024-05-06")
        ti.xcom_push("text", "umlaut \u00e4 \u2713")
        ti.xcom_push("tuple", (1, 2))
        ti.xcom_push("set", {3})
        ti.xcom_push("one", "the last one counts")
        return 1.5

    @task
    def pulls(ti=None):
        return [
            ti.xcom_pull(task_ids="several", key="b"),
            ti.xcom_pull(task_ids=["several", "pushes"], key="return_value"),
            ti.xcom_pull(task_ids="nobody"),
            ti.xcom_pull(task_ids="pushes", key="absent", default="fallback"),
            str(ti.xcom_pull(task_ids="pushes", key="when")),
            ti.xcom_pull(task_ids="pushes", key="tuple"),
        ]

    @task
    def each(value):
        return value * 10

    @task
    def pulls_mapped(ti=None):
        return [
            list(ti.xcom_pull(task_ids="each")),
            ti.xcom_pull(task_ids="each", map_indexes=1),
            list(ti.xcom_pull(task_ids="each", map_indexes=[2, 0])),
        ]

    @task
    def silent():
        return None

    @task(do_xcom_push=False)
    def unsaid():
        return "not stored"

    [several(), pushes()] >> pulls()
    each.expand(value=[1, 2, 3]) >> pulls_mapped()
    silent()
    unsaid()

with DAG("feature_xcom_not_json", schedule=None):

    @task
    def opaque():
        return object()

    @task
    def infinite():
        return float("inf")

    @task
    def a_date():
        return date(2024, 1, 2)

    opaque()
    infinite()
    a_date()
