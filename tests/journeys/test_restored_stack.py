"""Backed up while it runs, brought back in another folder, started: what was done is there, and the next run ends."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.demo.http import Door
from tests.support.stack import CHECKOUT, Stack, started_stack
from tests.support.stack_tenant import StackTenant

DAG = """
    from airflow.sdk import DAG, Variable, task

    with DAG("kept"):

        @task
        def read() -> str:
            return Variable.get("kept")

        read()
"""


@pytest.fixture
def room() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="aerodrome-restored-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def launcher(data: Path, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{CHECKOUT / 'platform'}:{CHECKOUT}"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "launcher", *arguments],
        env=environment | {"AERODROME_DATA": str(data)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_(stack: Stack, tenant: StackTenant) -> StackTenant:
    """The same person at another stack, with the token that they have."""
    return StackTenant(
        stack=stack, login=tenant.login, door=Door(base_url=stack.base_url, token=tenant.door.token)
    )


@pytest.mark.heavy
def test_a_restored_stack_goes_on(room: Path) -> None:
    backup, keys = str(room / "backup"), str(room / "keys.json")
    with started_stack(data=room / "one") as first:
        tenant = first.sign_up()
        tenant.call("POST", "/variables", {"key": "kept", "value": "of before"})
        tenant.deploy({"dags/kept.py": DAG}, "kept")
        run = tenant.trigger("kept")
        assert tenant.until_over(run) == ["success"]
        tenant.until_logged("Done", run, "read")
        launcher(first.data, "backup", backup, "--keys", keys)
        tenant.call("PATCH", "/variables/kept", {"key": "kept", "value": "of after"})
    told = launcher(room / "two", "restore", backup, "--keys", keys)
    assert "1 tenants" in told and "RTO" in told and "RPO" in told
    with started_stack(data=room / "two") as second:
        again = in_(second, tenant)
        assert again.run(run)["state"] == "success"
        assert again.xcom(run, "read") == "of before"
        assert "Done" in again.log(run, "read")
        assert (
            launcher(second.data, "verify-audit").count('"holds":true') == 2
        )  # the platform's and the tenant's
        second.until(
            lambda: again.rows("SELECT state FROM runtime") == [("ready",)], "the runtime to be built anew"
        )
        anew = again.trigger("kept")
        assert again.until_over(anew) == ["success"]
        assert again.xcom(anew, "read") == "of before"
