"""Deployments change hands while runs begin all the time: no run mixes versions, and a roll-back is there at once."""

from __future__ import annotations

import threading
import time
from typing import Any

from tests.support.stack_tenant import Run, StackTenant

DAG = """
    from pathlib import Path

    from airflow.sdk import Variable, dag, task

    VERSION = {version}

    @dag(schedule=None, max_active_runs=50)
    def changing():
        @task
        def begin():
            return [VERSION, Variable.get("bound", default=None)]

        @task
        def {last}(before):
            beside = (Path(__file__).parent / "beside.txt").read_text()
            return [*before, VERSION, beside, Variable.get("bound", default=None)]

        {last}(begin())

    changing()
"""
RUNS = 12


def _portal(tenant: StackTenant, method: str, path: str, body: Any = None) -> Any:
    return tenant.login.portal.call(method, f"/api/portal/v1/tenants/{tenant.slug}/{path}", body)


def _deploy(tenant: StackTenant, version: int) -> int:
    """Push, bind a variable of the same version to it; the number of that deployment."""
    files = {
        "dags/changing.py": DAG.format(version=version, last=f"end_{version}"),
        "dags/beside.txt": str(version),
    }
    pushed = tenant.push(files)
    assert any("changing" in line and line.startswith("ok") for line in pushed.remote), pushed.said
    made = _portal(tenant, "POST", "deployments", {"variables": {"bound": str(version)}})
    assert made["state"] == "active"
    return int(made["number"])


def _seen(tenant: StackTenant, run: Run) -> list[Any]:
    """What the run's last task saw: of the file, of the file beside it, of the bound variable, twice."""
    [last] = [name for name in tenant.states(run) if name.startswith("end_")]
    return [last, *tenant.xcom(run, last)]


def test_no_run_mixes_versions_and_a_roll_back_is_there_at_once(tenant: StackTenant) -> None:
    first, second = _deploy(tenant, 1), _deploy(tenant, 2)
    runs: list[Run] = []
    failures: list[BaseException] = []

    def load() -> None:
        try:
            for _ in range(RUNS):
                runs.append(tenant.trigger("changing"))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    number = 0
    while thread.is_alive():
        number += 1
        _portal(tenant, "POST", f"deployments/{(first, second)[number % 2]}/roll-back")
    thread.join()
    assert failures == []
    states = tenant.until_over(*runs, seconds=150)
    assert set(states) == {"success"}
    for run in runs:
        name, *saw = _seen(tenant, run)
        version = int(name.removeprefix("end_"))
        assert saw == [version, str(version), version, str(version), str(version)], run

    # The last word is said: the next run is of it, whatever was before.
    _portal(tenant, "POST", f"deployments/{second}/roll-back")
    begun = time.monotonic()
    answer = _portal(tenant, "POST", f"deployments/{first}/roll-back")
    took = time.monotonic() - begun
    after = tenant.trigger("changing")
    assert answer["state"] == "active"
    assert took < 5.0
    assert tenant.until_over(after) == ["success"]
    assert _seen(tenant, after)[0] == "end_1"
