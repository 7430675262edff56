"""A stock `git push` says what was accepted and what is wrong, with file and line; what worked keeps working."""

from __future__ import annotations

import textwrap
from concurrent.futures import ThreadPoolExecutor

import pytest

from launcher.demo.http import DemoRefused
from tests.support.git_client import Clone
from tests.support.stack import Stack
from tests.support.stack_tenant import OVER, Run, StackTenant, with_token

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
    tenant.until_logged("hello from version 1", run, "hello")


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


def test_a_push_behind_a_slow_one_of_the_same_tenant(stack: Stack, tenant: StackTenant) -> None:
    """One parse of a tenant at a time: the second begins as soon as the first is over, and is told as well."""
    with ThreadPoolExecutor(1) as beside:
        slow = "    import time\n    time.sleep(3)\n" + _dag(1).lstrip("\n")
        pushing = beside.submit(tenant.push, {"dags/greets.py": slow})
        begun = "SELECT id FROM workload WHERE kind = 'parse' AND agent_id IS NOT NULL"
        stack.until(lambda: tenant.rows(begun), "the slow file to be parsed")
        clone = Clone(
            folder=stack.data.parent / f"second-{tenant.slug}",
            url=with_token(tenant.login.git_remote, tenant.login.git_token),
        )
        stack.until(lambda: clone.git("pull", "--quiet", clone.url, "main").status == 0, "the first commit")
        clone.commit({"dags/other.py": textwrap.dedent(_dag(7, name="other")).encode()})
        second = clone.push()
        assert pushing.result().status == 0
    assert any("other  (new, version 1)" in line for line in second.remote), second.said
    tenant.until_listed("greets", "other")


def _runs(tenant: StackTenant) -> list[dict[str, str]]:
    return list(tenant.call("GET", "/dags/greets/dagRuns?limit=100")["dag_runs"])
