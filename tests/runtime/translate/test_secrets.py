"""Which connections and variables a task names."""

from __future__ import annotations

from pathlib import Path

from tests.support.airflow_runtime import AirflowRuntime

FILE = """
    from airflow.sdk import DAG, BaseHook, Connection, Variable, task
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk.bases.operator import BaseOperator

    class Loading(BaseOperator):
        template_fields = ("sql",)
        def __init__(self, *, warehouse_conn_id="warehouse", conn_id="", sql="", **kwargs):
            super().__init__(**kwargs)
            self.warehouse_conn_id, self.conn_id, self.sql = warehouse_conn_id, conn_id, sql

    def work(name):
        Variable.get("colour", default="blue")
        Variable.get(name)
        Variable.set("done", "yes")
        BaseHook.get_connection("mailer")
        Connection.get(conn_id="other")
        print("Variable.get('in a text')", {"get": dict().get("no")})
        return Loading(task_id="x", source_conn_id="lake")

    with DAG("d"):
        Loading(task_id="loading", sql=["{{ var.value.region }}", {"a": "{% if conn.lake.host %}{% endif %}"}])
        Loading(task_id="templated", warehouse_conn_id="{{ params.c }}", sql="select var.value.no from conn.no")
        BashOperator(task_id="bash", bash_command="echo {{ var.json.team_a.size }} {{ conn.get('with-dash').host }}")
        PythonOperator(task_id="code", python_callable=work, op_kwargs={"name": "x"})
        PythonOperator(task_id="nothing", python_callable=lambda: 1)
        BashOperator.partial(task_id="mapped", env={"A": "{{ var.value.mapped }}"}).expand(bash_command=["a", "b"])

        @task
        def flow():
            return Variable.get("of_flow")
        flow()
"""


def test_named_secrets(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=FILE)
    assert told.failures == []
    found = {task.task_id: task.secrets for task in told.dags[0].tasks}
    assert found == {
        "loading": {"connections": ["lake", "warehouse"], "variables": ["region"]},
        "templated": {},
        "bash": {"connections": ["with-dash"], "variables": ["team_a"]},
        "code": {"connections": ["lake", "mailer", "other"], "variables": ["colour", "done"]},
        "nothing": {},
        "mapped": {"variables": ["mapped"]},
        "flow": {"variables": ["of_flow"]},
    }
