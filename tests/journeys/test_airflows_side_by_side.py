"""Two Airflow versions at once: a tenant is upgraded and rolled back while others stay; begun runs keep theirs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.base_runtime import furnish_base
from tests.support.built_runtime import build_test_runtime
from tests.support.stack import MORE_AIRFLOWS, Stack
from tests.support.stack_tenant import StackTenant

pytestmark = pytest.mark.heavy
NEWER = "3.3.2"
FILES = {
    "dags/which.py": """
        import time
        from importlib.metadata import version

        from airflow.sdk import Variable, dag, task


        @dag(schedule=None, params={"hold": False})
        def which():
            @task
            def before(params=None):
                print("begun")
                end = time.monotonic() + 120
                while params["hold"] and Variable.get("gate", default="") != "open" and time.monotonic() < end:
                    time.sleep(0.3)
                return version("apache-airflow-core")

            @task
            def after(earlier):
                return [earlier, version("apache-airflow-core")]

            after(before())


        which()
    """,
}


def portal(tenant: StackTenant, method: str, path: str, body: Any = None) -> Any:
    return tenant.login.portal.call(method, f"/api/portal/v1/tenants/{tenant.slug}/{path}", body)


def versions(tenant: StackTenant) -> Any:
    run = tenant.trigger("which")
    assert tenant.until_over(run, seconds=180) == ["success"]
    return tenant.xcom(run, "after")


def test_an_upgrade_back_and_forth_while_runs_go_on(stack: Stack, tenant: StackTenant) -> None:
    furnish_base(runtimes=stack.data / "agent" / "runtimes", base=build_test_runtime(airflow=MORE_AIRFLOWS))
    other = stack.sign_up()
    for each in (tenant, other):
        each.deploy(FILES, "which")
    assert versions(tenant) == [NEWER, NEWER]

    # The other version is built, every file is imported in it, and told of, before anything changes.
    asked = portal(tenant, "POST", "upgrade-previews", {"airflow": MORE_AIRFLOWS})
    report = stack.until(
        lambda: portal(tenant, "GET", f"upgrade-previews/{asked['bundle_id']}")["report"],
        "the upgrade's report",
        seconds=300,
    )
    assert (report["dags"]["same"], report["errors"]["new"]) == (1, [])
    assert versions(tenant) == [NEWER, NEWER], "a preview deploys nothing"

    begun = tenant.trigger("which", conf={"hold": True})
    tenant.until_state(begun, "before", "running")
    made = portal(tenant, "POST", "deployments", {"bundle_id": asked["bundle_id"]})
    assert (made["state"], made["runtime"]["airflow"]) == ("active", MORE_AIRFLOWS)
    assert versions(tenant) == [MORE_AIRFLOWS, MORE_AIRFLOWS]
    assert versions(other) == [NEWER, NEWER]
    assert tenant.states(begun)["before"] == "running", "it began before all of that"
    tenant.call("POST", "/variables", {"key": "gate", "value": "open"})
    assert tenant.until_over(begun, seconds=180) == ["success"]
    assert tenant.xcom(begun, "after") == [NEWER, NEWER], "a begun run keeps its runtime"

    # Later pushes are built with the chosen version; a roll-back is one call.
    assert portal(tenant, "PUT", "airflow", {"airflow": MORE_AIRFLOWS})["chosen"] == MORE_AIRFLOWS
    changed = {"dags/which.py": FILES["dags/which.py"].replace('"begun"', '"begun again"')}
    tenant.push(changed)
    newest = stack.until(
        lambda: [
            one
            for one in portal(tenant, "GET", "deployments?state=active")["deployments"]
            if one["number"] > made["number"]
        ],
        "the push to be deployed",
        seconds=120,
    )
    assert newest[0]["runtime"]["airflow"] == MORE_AIRFLOWS
    back = portal(tenant, "POST", "deployments/1/roll-back")
    assert (back["state"], back["runtime"]["airflow"]) == ("active", NEWER)
    assert versions(tenant) == [NEWER, NEWER]
