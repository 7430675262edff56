"""Providers from a tenant's own requirements.txt: built as the agent builds them, imported, parsed, and run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from aerodrome_runtime.agent.build import Builder
from taskwire.workload import BuildWork
from tests.runtime.conftest import make_passable
from tests.runtime.test_parse_orders import order
from tests.support.agent_process import AgentProcess, Works
from tests.support.base_runtime import furnish_base
from tests.support.fake_gateway import FakeGateway

pytestmark = pytest.mark.heavy

REQUIREMENTS = "\n".join(
    f"apache-airflow-providers-{name}"
    for name in (
        "amazon",
        "apache-spark",
        "cncf-kubernetes",
        "common-sql",
        "http",
        "postgres",
        "slack",
        "sqlite",
        "standard",
    )
)
FILE = """
from airflow import DAG
from airflow.providers.amazon.aws.operators.s3 import S3CreateBucketOperator, S3ListOperator
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
from airflow.providers.apache.spark.operators.spark_sql import SparkSqlOperator
from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.operators.kubernetes_pod import KubernetesPodOperator as OldPlace
from airflow.providers.common.sql.operators.sql import SQLCheckOperator, SQLExecuteQueryOperator
from airflow.providers.common.sql.sensors.sql import SqlSensor
from airflow.providers.http.operators.http import HttpOperator
from airflow.providers.http.sensors.http import HttpSensor
from airflow.providers.postgres.hooks.postgres import PostgresHook
from airflow.providers.postgres.operators.postgres import PostgresOperator
from airflow.providers.slack.operators.slack import SlackAPIPostOperator
from airflow.providers.slack.operators.slack_webhook import SlackWebhookOperator
from airflow.operators.http_operator import SimpleHttpOperator
from airflow.operators.sqlite_operator import SqliteOperator

assert OldPlace is KubernetesPodOperator
with DAG("providers", schedule=None):
    S3CreateBucketOperator(task_id="bucket", bucket_name="b")
    S3ListOperator(task_id="list", bucket="b")
    SageMakerTrainingOperator(task_id="train", config={"TrainingJobName": "x"})
    S3KeySensor(task_id="key", bucket_key="s3://b/k")
    S3ToRedshiftOperator(task_id="copy", schema="s", table="t", s3_bucket="b", s3_key="k")
    KubernetesPodOperator(task_id="pod", image="busybox", cmds=["true"], name="pod")
    SparkSubmitOperator(task_id="submit", application="a.py")
    SparkSqlOperator(task_id="spark_sql", sql="SELECT 1")
    PostgresOperator(task_id="old_sql", sql="SELECT 1", postgres_conn_id="pg")
    SQLExecuteQueryOperator(task_id="sql", conn_id="lite", sql=["CREATE TABLE t (n)", "INSERT INTO t VALUES (7)",
        "SELECT n FROM t"])
    SQLCheckOperator(task_id="check", conn_id="lite", sql="SELECT 1")
    SqliteOperator(task_id="old_lite", sqlite_conn_id="lite", sql="SELECT 8")
    SqlSensor(task_id="sql_sensor", conn_id="lite", sql="SELECT 1", poke_interval=1, timeout=20)
    HttpOperator(task_id="http", http_conn_id="web", endpoint="hello", method="GET", response_filter=lambda r: r.text)
    SimpleHttpOperator(task_id="old_http", http_conn_id="web", endpoint="hello", method="GET")
    HttpSensor(task_id="http_sensor", http_conn_id="web", endpoint="hello", poke_interval=1, timeout=20)
    SlackAPIPostOperator(task_id="slack", slack_conn_id="s", channel="#c", text="x")
    SlackWebhookOperator(task_id="webhook", http_conn_id="s", message="x")
"""


@pytest.fixture(scope="module")
def runtimes() -> Iterator[tuple[Path, str]]:
    """A folder of runtimes with the one of REQUIREMENTS, kept between runs of the tests."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aerodrome-tests" / "providers"
    base = furnish_base(runtimes=cache) if not list(cache.glob("base-*")) else next(cache.glob("base-*"))
    digest = "providers-" + hashlib.sha256(f"{base.name} {REQUIREMENTS}".encode()).hexdigest()[:12]
    work = BuildWork(runtime_digest=digest, airflow="3.3.2", python="3.11", requirements=REQUIREMENTS)
    built = asyncio.run(Builder(runtimes=cache, uv=os.environ.get("AERODROME_UV")).run(work))
    assert built.ok, f"{built.message}\n{built.log}"
    yield cache, digest


@pytest.fixture(scope="module")
def agent(
    gateway: FakeGateway, runtimes: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AgentProcess]:
    """Its tasks share the machine's network: AERODROME_TASK_NETWORK=host."""
    cache, digest = runtimes
    directory = tmp_path_factory.mktemp("agent")
    make_passable(directory)
    (directory / "runtimes").mkdir()
    for base in cache.glob("base-*"):
        (directory / "runtimes" / base.name).symlink_to(base)
    process = AgentProcess(
        gateway=gateway,
        directory=directory,
        runtime=cache / digest,
        slots=2,
        extra={"AERODROME_TASK_NETWORK": "host"},
    )
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture(scope="module")
def works(gateway: FakeGateway) -> Works:
    return Works(gateway, {"providers.py": FILE})


@pytest.fixture(scope="module")
def web() -> Iterator[int]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello back")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_operator_parses_into_the_spec(agent: AgentProcess, gateway, works) -> None:
    work = order(works)
    assert work.parse is not None
    work.parse.file_timeout_seconds = 60.0
    gateway.give(work)
    gateway.finished(work, 120)
    (file,) = gateway.operations(work, "parsed")[0]["files"]
    assert not file.get("failures"), file["failures"]
    (dag,) = file["dags"]
    operators = {task["task_id"]: task["operator"] for task in dag["tasks"]}
    assert len(operators) == 18
    assert (operators["pod"], operators["bucket"]) == ("KubernetesPodOperator", "S3CreateBucketOperator")
    codes = {each["code"] for each in file["findings"]}
    assert {"AERO-SHIM-import", "AERO-SHIM-http-conn-id"} <= codes


def connection(conn_id: str, **fields: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("host", "schema", "login", "password", "port", "extra"))
    return {"conn_id": conn_id, **empty, **fields}


@pytest.mark.parametrize(
    ("task_id", "value"),
    [
        ("sql", "[7]"),
        ("check", "null"),
        ("old_lite", "[8]"),
        ("sql_sensor", "null"),
        ("http", '"hello back"'),
        ("old_http", '"hello back"'),
        ("http_sensor", "null"),
    ],
)
def test_those_that_need_no_service_run(
    agent: AgentProcess, gateway, works, web: int, task_id: str, value: str
) -> None:
    lite = connection("lite", conn_type="sqlite", host=":memory:")
    site = connection("web", conn_type="http", host="127.0.0.1", port=web, schema="http")
    gateway.answers["GET", "connections/lite"] = (200, lite)
    gateway.answers["GET", "connections/web"] = (200, site)
    work = works.task(dag_id="providers", task_id=task_id, path="providers.py")
    gateway.give(work)
    assert gateway.finished(work, 120)["state"] == "success", json.dumps(gateway.log_events(work))[-3000:]
    gateway.until_over(work)
    values = [each["value"] for each in gateway.operations(work, "xcom_set") if each["key"] == "return_value"]
    assert value in json.dumps((values or [None])[-1])
