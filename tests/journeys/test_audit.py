"""The promise of the audit, through public doors and real processes: who did what, signed, verified by a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from tests.support.stack import CHECKOUT, Stack
from tests.support.stack_tenant import StackTenant

DAG = """
    from airflow.sdk import Variable, dag, task

    @dag(schedule=None)
    def writes():
        @task
        def sets():
            Variable.set("made_by_a_task", "hunter2-in-the-clear")

        sets()

    writes()
"""


def test_who_did_what_is_chained_signed_and_verified(stack: Stack, tenant: StackTenant) -> None:
    tenant.deploy({"dags/writes.py": DAG}, "writes")
    run = tenant.trigger("writes")
    assert tenant.until_over(run) == ["success"]
    path = f"/api/portal/v1/tenants/{tenant.slug}/audit"

    def page() -> dict[str, Any]:
        found: dict[str, Any] = tenant.login.portal.call("GET", f"{path}?limit=500")
        return found

    rows = page()["rows"]
    by = {row["action"]: row for row in reversed(rows)}
    assert by["bundle.published"]["actor_kind"] == "token"
    assert by["run.triggered"]["actor_kind"] == "person"
    assert by["variable.made"]["actor_kind"] == "task"
    assert "hunter2-in-the-clear" not in json.dumps(rows)
    newest = rows[0]["seq"]

    def signed() -> bool:
        point = page()["signed"]
        return point is not None and point["seq"] >= 1

    stack.until(signed, "a signed checkpoint")
    # The test session has keys and addresses of its own: the command finds the stack's by its data folder.
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AERODROME_", "DJANGO_"))
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "launcher", "verify-audit", tenant.slug, "platform"],
        cwd=CHECKOUT,
        env={
            **kept,
            "PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}",
            "AERODROME_DATA": str(stack.data),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    mine, platforms = (json.loads(line) for line in done.stdout.splitlines())
    assert mine["holds"] and mine["rows"] >= newest and mine["signed_to"] >= 1
    assert platforms["chain"] == "platform" and platforms["holds"]
