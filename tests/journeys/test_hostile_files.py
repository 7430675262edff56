"""DAG files that attack their parser: the good file beside them is accepted, and nobody else waits for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import StackTenant

GOOD = """
    from airflow.sdk import dag, task

    @dag(schedule=None)
    def good():
        @task
        def works():
            return "well"
        works()

    good()
"""
MENTION = "    from airflow.sdk import dag, task\n"
HOSTILE = {
    "leaves": MENTION + "    import os\n    os._exit(0)\n",
    "hoards": MENTION + "    hoard = [bytearray(64 * 1024 * 1024) for _ in range(32)]\n",
    "forks": MENTION + "    import os\n    while True:\n        os.fork()\n",
    "floods": MENTION + "    for _ in range(10 * 1024):\n        print('x' * 1023)\n",
    "kills": MENTION + "    import os, signal\n    os.kill(-1, signal.SIGKILL)\n",
}


def test_hostile_files_hurt_only_themselves(stack: Stack, tenant: StackTenant) -> None:
    other = stack.sign_up()
    processes = {name: stack.pid(name) for name in ("web", "gateway", "scheduler", "agent", "postgres")}
    files = {f"dags/{name}.py": text for name, text in HOSTILE.items()}
    pushed = tenant.push({**files, "dags/good.py": GOOD})
    assert pushed.status == 0, pushed.said
    tenant.until_listed("good")
    errors = {
        error["filename"].rsplit("/", 1)[-1].removesuffix(".py"): error for error in tenant.import_errors()
    }
    assert set(errors) == set(HOSTILE) - {"kills"}, "it found nobody to kill and loaded"
    for error in errors.values():
        assert error["stack_trace"].strip()
    other.deploy({"dags/good.py": GOOD}, "good")
    runs = [(each, each.trigger("good")) for each in (tenant, other)]
    for each, run in runs:
        assert each.until_over(run) == ["success"]
    assert processes == {name: stack.pid(name) for name in processes}, "no process of ours was hurt"


ENDLESS = MENTION + "    while True:\n        pass\n"


def test_an_endless_file_does_not_hold_another_tenants_push(stack: Stack, tenant: StackTenant) -> None:
    """While the endless file still uses up its time, the other tenant's push is over."""
    other = stack.sign_up()
    with ThreadPoolExecutor(1) as beside:
        pushing = beside.submit(tenant.push, {"dags/endless.py": ENDLESS, "dags/good.py": GOOD})
        stack.until(lambda: tenant.rows("SELECT id FROM bundle_version"), "the endless file to be received")
        pushed = other.push({"dags/good.py": GOOD})
        assert "1 DAG deployed." in pushed.remote, pushed.said
        assert tenant.import_errors() == [], "the endless file has not used up its time yet"
        assert any(line.startswith("Still working") for line in pushing.result().remote)


@pytest.mark.heavy
def test_an_endless_file_is_told_and_the_good_one_beside_it_deployed(
    stack: Stack, tenant: StackTenant
) -> None:
    tenant.push({"dags/endless.py": ENDLESS, "dags/good.py": GOOD})
    tenant.until_listed("good")
    (error,) = stack.until(tenant.import_errors, "the endless file to be told")
    assert error["filename"] == "dags/endless.py"
    assert "time" in error["stack_trace"].lower()
