"""A stock `git push` says what was accepted and what is wrong, with file and line; what worked keeps working."""

from __future__ import annotations

import pytest

from launcher.demo.http import DemoRefused
from tests.support.stack_tenant import OVER, Run, StackTenant

DAG = """
    from datetime import timedelta

    from airflow.sdk import dag, task

    @dag(schedule={schedule})
    def {name}():
        @task
        def hello():
            print("hello from version {version}")
            return {version}

        hello()

    {name}()
"""


def _dag(version: int, *, name: str = "greets", schedule: str = "None") -> str:
    return DAG.format(version=version, name=name, schedule=schedule)


def test_push_tells_and_runs(tenant: StackTenant) -> None:
    pushed = tenant.push({"dags/greets.py": _dag(1)})
    assert pushed.status == 0, pushed.said
    assert "ok     greets  (new, version 1)  dags/greets.py" in pushed.remote
    assert "1 DAG deployed." in pushed.remote
    tenant.until_listed("greets")
    run = tenant.trigger("greets")
    assert tenant.until_over(run) == ["success"]
    assert tenant.xcom(run, "hello") == 1
    assert "hello from version 1" in tenant.log(run, "hello")


def test_a_broken_file_is_named_and_the_last_good_version_runs(tenant: StackTenant) -> None:
    tenant.deploy({"dags/greets.py": _dag(1, schedule="timedelta(seconds=2)")}, "greets")
    broken = _dag(2, schedule="timedelta(seconds=2)").replace("hello()\n\n    greets", "hello(\n\n    greets")
    pushed = tenant.push({"dags/greets.py": broken, "dags/other.py": _dag(7, name="other")})
    assert pushed.status == 0, pushed.said
    (error,) = [line for line in pushed.remote if line.startswith("ERROR")]
    assert "dags/greets.py:13:" in error and "was never closed" in error
    assert "ok     other  (new, version 1)  dags/other.py" in pushed.remote
    assert "DAGs of failing files keep their last good version." in pushed.remote
    (told,) = tenant.import_errors()
    assert told["filename"].endswith("dags/greets.py")
    assert "line 13" in told["stack_trace"]
    tenant.until_listed("other")
    asked = tenant.trigger("other")
    assert tenant.until_over(asked) == ["success"]
    assert tenant.xcom(asked, "hello") == 7
    with pytest.raises(DemoRefused, match="has import errors"):  # as in Airflow: by hand it cannot be run now
        tenant.trigger("greets")

    known = {run["dag_run_id"] for run in _runs(tenant)}
    later = tenant.stack.until(
        lambda: [run for run in _runs(tenant) if run["dag_run_id"] not in known and run["state"] in OVER],
        "a scheduled run that began after the broken push",
    )[0]
    assert later["state"] == "success"
    assert tenant.xcom(Run("greets", later["dag_run_id"]), "hello") == 1

    mended = tenant.push({"dags/greets.py": _dag(3)})
    assert "ok     greets  (changed, version 2)  dags/greets.py" in mended.remote, mended.said
    assert tenant.import_errors() == []
    run = tenant.trigger("greets")
    assert tenant.until_over(run) == ["success"]
    assert tenant.xcom(run, "hello") == 3


def _runs(tenant: StackTenant) -> list[dict[str, str]]:
    return list(tenant.call("GET", "/dags/greets/dagRuns?limit=100")["dag_runs"])
