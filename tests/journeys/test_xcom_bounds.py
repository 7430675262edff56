"""XComs that are too large, or none for a database: spilled or refused, and the task's log says so. Public doors only."""

from __future__ import annotations

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

PUSHES = {
    "dags/pushes.py": """
        from airflow.sdk import DAG, BaseOperator, task


        class Pushes(BaseOperator):
            template_fields = ("said",)

            def __init__(self, said, key, value, **kwargs):
                super().__init__(**kwargs)
                self.said, self.key, self.value = said, key, value

            def execute(self, context):
                context["ti"].xcom_push("before", [1, self.said])
                context["ti"].xcom_push(self.key, self.value())
                context["ti"].xcom_push("after", 2)
                return "done"


        with DAG("pushes", schedule=None):

            @task
            def reads(value):
                return len(value)

            @task
            def follows(value):
                return value

            @task
            def spills():
                return "s" * 3_000_000

            @task
            def long_list():
                return [float("nan")] * 200

            @task
            def each(n):
                return n

            reads(spills())
            each.expand(n=long_list())
            for name, key, value in (
                ("fifty", "big", lambda: "x" * 50_000_000),
                ("hundred", "big", lambda: "x" * 100_000_000),
                ("not_a_number", "odd", lambda: [1, float("nan")]),
                ("infinite", "odd", lambda: float("inf")),
                ("nul", "odd", lambda: {"a": "b\\x00c"}),
                ("fine", "odd", lambda: {"a": "b"}),
            ):
                pushing = Pushes(task_id=name, said="{{ dag.dag_id }} " + name, key=key, value=value)
                follows.override(task_id=f"after_{name}")(pushing.output)
    """,
}
WHY = {
    "fifty": "the XCom 'big' has 47.7 MiB (50000002 bytes), and at most 32.0 MiB (33554432 bytes) are taken "
    "(AERODROME_XCOM_MAX_BYTES). Write the data to object storage or a table, and push where it is",
    "hundred": "Of an XCom: write the data to object storage or a table, and push where it is",
    "not_a_number": "Out of range float values are not JSON compliant",
    "infinite": "Out of range float values are not JSON compliant",
    "nul": "a value holds a NUL character, which the database cannot store",
}


def test_what_cannot_be_kept_fails_its_task_and_its_log_says_why(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy(PUSHES, "pushes")
    run = tenant.trigger("pushes")
    tenant.until_over(run, seconds=180)
    states = tenant.states(run)
    logs = {name: tenant.log(run, name) for name in [*WHY, "long_list"]}
    assert states == {
        "spills": "success",
        "reads": "success",
        "long_list": "failed",
        "each": "upstream_failed",
        "fine": "success",
        "after_fine": "success",
        **dict.fromkeys(WHY, "failed"),
        **{f"after_{name}": "upstream_failed" for name in WHY},
    }, logs
    assert tenant.xcom(run, "reads") == 3_000_000
    kept = dict(tenant.rows("SELECT task_id, kept_as IS NOT NULL FROM xcom WHERE key = 'return_value'"))
    assert kept == {"spills": True, "reads": False, "fine": False, "after_fine": False}
    for name, why in WHY.items():
        assert why in logs[name], logs[name][-3000:]
        # What it said before is kept, as if each had been told alone: the wrong thing, and what came after, is not.
        assert tenant.xcom(run, name, "before") == [1, f"pushes {name}"]
    assert "Out of range float values are not JSON compliant" in logs["long_list"]
    keys = {(task, key) for task, key in tenant.rows("SELECT task_id, key FROM xcom")}
    assert not keys & {(name, key) for name in WHY for key in ("big", "odd", "return_value")}
    rendered = {row["task_id"]: row["rendered_fields"] for row in tenant.instances(run)}
    assert {rendered[name]["said"] for name in WHY} == {f"pushes {name}" for name in WHY}
