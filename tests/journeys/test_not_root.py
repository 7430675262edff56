"""The same walk for somebody who is not root: an account with a home and a checkout of its own, and nothing else."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.detached import start_detached
from launcher.stop import stop_stack
from tests.launcher.as_account import needs_root, run_as
from tests.support.base_runtime import furnish_base, furnished_python
from tests.support.stack import CHECKOUT, Stack
from tests.support.stack_tenant import StackTenant

ACCOUNT = "nobody"
PARTS = ("api", "platform", "runtime", "tenants", "manage.py", "pyproject.toml")
DAG = """
    import os

    from airflow.sdk import dag, task

    @dag(schedule=None)
    def modest():
        @task
        def first():
            return os.getuid()

        @task
        def second(before):
            return before + 0

        second(first())

    modest()
"""


def _can_run(python: Path, uid: int, gid: int) -> bool:
    try:
        done = subprocess.run(
            [str(python), "-c", ""], user=uid, group=gid, extra_groups=[], cwd="/", check=False
        )
    except PermissionError:
        return False
    return done.returncode == 0


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other accounts can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="aerodrome-not-root-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@needs_root
def test_an_ordinary_account_walks_from_push_to_finished(open_folder: Path) -> None:
    uid, gid = pwd.getpwnam(ACCOUNT).pw_uid, pwd.getpwnam(ACCOUNT).pw_gid
    for python in (Path(sys.executable), furnished_python()):
        if not _can_run(python, uid, gid):
            pytest.skip(
                f"{ACCOUNT} may not run {python} (or what it links to): its folder is closed to others"
            )
    checkout, home = open_folder / "checkout", open_folder / "home"
    data = home / "data"
    home.mkdir()
    for part in PARTS:
        source = CHECKOUT / part
        copied = checkout / part
        copied.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copied, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copied)
    # Copied, not linked: the account becomes the owner.
    furnish_base(runtimes=data / "agent" / "runtimes", links=False)
    subprocess.run(["chown", "-R", f"{uid}:{gid}", str(open_folder)], check=True)
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "PYTHONPATH": f"{checkout / 'platform'}:{checkout}",
        "AERODROME_DATA": str(data),
    }

    def start() -> dict[str, object]:
        stack = start_detached(checkout=checkout, environment=environment, tell=lambda _: None)
        return dict(stack.facts)

    try:
        stack = Stack(data, run_as(ACCOUNT, start))
        owners = {Path(f"/proc/{row['pid']}").stat().st_uid for row in stack.status()["processes"]}
        assert owners == {uid}, "every process runs as the account"
        tenant = StackTenant.signed_up(stack=stack)
        tenant.deploy({"dags/modest.py": DAG}, "modest")
        run = tenant.trigger("modest")
        assert tenant.until_over(run) == ["success"]
        assert isinstance(tenant.xcom(run, "second"), int)
        level = stack.log("agent")
        assert "Isolation level L1" in level or "Isolation level L2" in level, "what is weaker is said"
    finally:
        stop_stack(data=data, tell=lambda _: None)
