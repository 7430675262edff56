"""`airflowctl`, unmodified and without a keyring, does with a tenant what it does with an Airflow.

It needs an environment of its own (its libraries are not ours), which takes a minute to build: so this is heavy.
`AERODROME_TEST_AIRFLOWCTL` may name an executable that is there already.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tenants.models.tenant import Tenant
from tests.support.assets import asset
from tests.support.factories import created_run, make_member, make_person, parsed_dag, put_states
from tests.support.live_server import live_server
from tests.support.specs import dag, task

pytestmark = pytest.mark.heavy
PASSWORD = "a long enough password"
VERSION = "0.1.5"
DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}
Run = Callable[..., Any]


@pytest.fixture(scope="session")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("AERODROME_TEST_AIRFLOWCTL")
    if named:
        return Path(named)
    uv = os.environ.get("AERODROME_UV") or shutil.which("uv") or "uv"
    home = tmp_path_factory.mktemp("airflowctl") / "environment"
    subprocess.run([uv, "venv", "-q", str(home)], check=True)
    python = str(home / "bin" / "python")
    subprocess.run(
        [uv, "pip", "install", "-q", "--python", python, f"apache-airflow-ctl=={VERSION}"], check=True
    )
    return home / "bin" / "airflowctl"


@pytest.fixture
def ctl(executable: Path, tenant: Tenant, tmp_path: Path) -> Iterator[Run]:
    """`ctl("dags", "list")` -> what it printed as JSON. Signed in as its documentation tells for servers."""
    make_member(tenant=tenant, role="Admin", user=make_person("mia", PASSWORD))
    spec = dag("etl", [task("a", outlets=[asset("orders")]), task("b")], tags=["daily"], timetable=DAILY)
    run = created_run(
        tenant, parsed_dag(tenant, spec), run_id="r1", logical_date=datetime(2026, 3, 1, tzinfo=UTC)
    )
    put_states(tenant, run, a="success")
    with live_server() as address:
        url = f"{address}/t/{tenant.slug}"
        told = requests.post(
            f"{url}/auth/token/cli", json={"username": "mia", "password": PASSWORD}, timeout=30
        )
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW_CLI_TOKEN": told.json()["access_token"],
        }

        def call(*words: str, fails: bool = False) -> Any:
            done = subprocess.run(
                [str(executable), *words],
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert (done.returncode != 0) == fails, f"{words}: {done.stdout}\n{done.stderr}"
            try:
                return json.loads(done.stdout)
            except ValueError:
                return done.stdout

        call("auth", "login", "--api-url", url, "--skip-keyring")
        yield call


def test_what_it_lists(ctl: Run) -> None:
    assert [one["dag_id"] for one in ctl("dags", "list")] == ["etl"]
    assert ctl("dags", "get", "etl")
    assert "r1" in str(ctl("dagrun", "get", "etl", "r1"))
    assert [one["name"] for one in ctl("assets", "list")] == ["orders"]
    assert [one["name"] for one in ctl("pools", "list")] == ["default_pool"]
    for words in (
        ("jobs", "list"),
        ("plugins", "list"),
        ("providers", "list"),
        ("dags", "list-import-errors"),
    ):
        ctl(*words)
    assert "3.3.2" in str(ctl("version", "--remote"))
    ctl("config", "list", fails=True)


def test_what_it_changes(ctl: Run) -> None:
    ctl("variables", "create", "--key", "k", "--value", "v")
    assert "'v'" in str(ctl("variables", "get", "k"))
    ctl("variables", "delete", "k")
    ctl("pools", "create", "--name", "p", "--slots", "3", "--description", "three", "--no-include-deferred")
    assert {one["name"] for one in ctl("pools", "list")} == {"default_pool", "p"}
    ctl("connections", "create", "--connection-id", "c", "--conn-type", "http", "--host", "h")
    assert [one["connection_id"] for one in ctl("connections", "list")] == ["c"]
    ctl("dags", "pause", "etl")
    ctl("dags", "unpause", "etl")
    ctl("dags", "trigger", "etl", "--dag-run-id", "mine")
    assert "mine" in str(ctl("dagrun", "get", "etl", "mine"))


def test_what_tasks_left(ctl: Run) -> None:
    place = ("etl", "r1", "a")
    ctl("xcom", "add", *place, "k", '{"n": 1}')
    assert "k" in str(ctl("xcom", "list", *place))
    ctl("xcom", "edit", *place, "k", "2")
    assert "2" in str(ctl("xcom", "get", *place, "k"))
    ctl("xcom", "delete", *place, "k")
    ctl("xcom", "get", *place, "k", fails=True)


def test_import_and_export(ctl: Run, tmp_path: Path) -> None:
    """Files of many variables, connections and pools go out as bulk requests."""
    given = tmp_path / "variables.json"
    given.write_text(
        json.dumps({"one": "1", "two": {"value": "2", "description": "second"}}), encoding="utf-8"
    )
    ctl("variables", "import", str(given))
    assert {one["key"] for one in ctl("variables", "list")} == {"one", "two"}
    pools = tmp_path / "pools.json"
    pools.write_text(json.dumps([{"name": "p", "slots": 2, "description": "", "include_deferred": False}]))
    ctl("pools", "import", str(pools))
    assert {one["name"] for one in ctl("pools", "list")} == {"default_pool", "p"}
    connections = tmp_path / "connections.json"
    connections.write_text(json.dumps({"c": {"conn_type": "http", "host": "h"}}), encoding="utf-8")
    ctl("connections", "import", str(connections))
    assert [one["connection_id"] for one in ctl("connections", "list")] == ["c"]
