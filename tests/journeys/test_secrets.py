"""A connection and a variable: usable in a task, readable nowhere else."""

from __future__ import annotations

import json

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

PASSWORD = "pa55-of-the-warehouse"
API_KEY = "k3y-of-the-weather"
DAG = """
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import BaseHook, Variable, dag, task

    @dag(schedule=None)
    def uses_secrets():
        @task
        def reads():
            connection = BaseHook.get_connection("warehouse")
            key = Variable.get("weather_api_key")
            print(f"password {connection.password} and key {key}")
            return [connection.host, connection.port, len(connection.password), key == "k3y-of-the-weather"]

        shown = BashOperator(task_id="shown", bash_command="echo key {{ var.value.weather_api_key }} and on")
        reads() >> shown

    uses_secrets()
"""


def test_secrets_are_used_and_not_shown(stack: Stack, tenant: StackTenant) -> None:
    tenant.call(
        "POST",
        "/connections",
        {
            "connection_id": "warehouse",
            "conn_type": "postgres",
            "host": "db.example.com",
            "port": 5432,
            "login": "etl",
            "password": PASSWORD,
        },
    )
    tenant.call("POST", "/variables", {"key": "weather_api_key", "value": API_KEY})
    tenant.deploy({"dags/uses.py": DAG}, "uses_secrets")
    run = tenant.trigger("uses_secrets")
    assert tenant.until_over(run) == ["success"], [tenant.log(run, t) for t in ("reads", "shown")]
    assert tenant.xcom(run, "reads") == ["db.example.com", 5432, len(PASSWORD), True]
    for task_id, said in (("reads", "password *** and key ***"), ("shown", "key *** and on")):
        log = tenant.until_logged(said, run, task_id)
        assert PASSWORD not in log and API_KEY not in log
    shown = next(row for row in tenant.instances(run) if row["task_id"] == "shown")
    assert shown["rendered_fields"]["bash_command"] == "echo key *** and on"
    read = json.dumps([tenant.call("GET", "/connections"), tenant.call("GET", "/connections/warehouse")])
    assert "db.example.com" in read and PASSWORD not in read
    assert API_KEY not in json.dumps(tenant.call("GET", "/variables"))
    (stored,) = tenant.rows("SELECT row_to_json(c)::text, row_to_json(v)::text FROM connection c, variable v")
    assert "warehouse" in stored[0] and "weather_api_key" in stored[1]
    for text in stored:
        assert PASSWORD not in text and API_KEY not in text
    for secret in (PASSWORD, API_KEY):
        found = [
            str(path)
            for folder in ("store", "logs")
            for path in (stack.data / folder).rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes() and path.suffix != ".tar"
        ]
        # The DAG file itself spells the key, to compare; its artefact is the tenant's own.
        assert [path for path in found if "/logs/" in path] == []
