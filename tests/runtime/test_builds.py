"""Runtimes: what is refused before anything is installed, and that a tenant's own packages are found."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path

import pytest

from aerodrome_runtime.agent.requirements import (
    RequirementRefused,
    check_requirements,
    constraints_of,
    sources_for,
)
from aerodrome_runtime.agent.runtimes import MARK, RuntimeMissing, find_runtime
from taskwire.workload import BuildWork, Workload
from tests.support.agent_process import TENANT, AgentProcess, Works


def build(gateway, **fields: str) -> dict:
    digest = fields.pop("runtime_digest", uuid.uuid4().hex)
    work = Workload(
        id=str(uuid.uuid4()),
        tenant_id=TENANT,
        tenant="acme",
        epoch=1,
        kind="build",
        build=BuildWork(runtime_digest=digest, airflow="3.3.2", python="3.11", **fields),
    )
    if "airflow" in fields:
        work.build.airflow = fields["airflow"]
    gateway.give(work)
    gateway.finished(work, 300)
    return gateway.operations(work, "built")[0]


@pytest.mark.parametrize(
    "line",
    ["-e .", "--index-url x", "git+https://x/y", "pkg @ file:///etc", "./folder", "/abs", "-r other.txt"],
)
def test_lines_that_reach_the_machine_are_refused(line: str) -> None:
    with pytest.raises(RequirementRefused, match="line 2"):
        check_requirements(f"pandas\n{line}\n")


def test_ordinary_lines_pass() -> None:
    text = "pandas>=2,<3  # why\n\n# comment\nrequests[socks]==2.32 ; python_version < '3.12'\n"
    assert check_requirements(text) == ["pandas>=2,<3", "requests[socks]==2.32 ; python_version < '3.12'"]


def test_constraints_are_the_pins_of_the_lock() -> None:
    lock = "a==1.0 \\\n    --hash=sha256:00\nb==2 ; sys_platform == 'win32' \\\n    --hash=sha256:11\n"
    assert constraints_of(lock) == "a==1.0\nb==2 ; sys_platform == 'win32'\n"


def test_only_pinned_sources_are_built() -> None:
    lock = "# why\na-b==1 \\\n    --hash=sha256:00\n    # via x\nc==2 \\\n    --hash=sha256:11\n"
    said = "hint: Wheels are required for `a-b` because …\nhint: Wheels are required for `other` because …"
    assert sources_for(failure=said, lock=lock) == "a-b==1 \\\n    --hash=sha256:00\n    # via x\n"
    assert sources_for(failure="Wheels are required for `other`", lock=lock) == ""
    assert sources_for(failure="no such package c", lock=lock) == ""


def test_an_airflow_without_a_lock_is_refused_by_name(agent: AgentProcess, gateway) -> None:
    work = Workload(
        id=str(uuid.uuid4()),
        tenant_id=TENANT,
        tenant="acme",
        epoch=1,
        kind="build",
        build=BuildWork(runtime_digest="x1", airflow="2.10.0", python="3.11"),
    )
    gateway.give(work)
    gateway.finished(work)
    told = gateway.operations(work, "built")[0]
    assert not told["ok"] and "2.10.0 is not offered" in told["message"] and "3.3.2" in told["message"]


def test_a_digest_that_climbs_is_no_runtime(tmp_path: Path) -> None:
    for digest in ("", "../x", ".hidden", "absent"):
        with pytest.raises(RuntimeMissing):
            find_runtime(directory=tmp_path, digest=digest)


def test_a_tenants_own_package_is_found_and_the_base_has_it_not(
    agent: AgentProcess, gateway, runtime_path: Path
) -> None:
    runtimes = agent.directory / "runtimes"
    subprocess.run(["cp", "-a", "--reflink=auto", str(runtime_path), str(runtimes / "own")], check=True)
    packages = next((runtimes / "own" / "lib").glob("python3.*")) / "site-packages"
    (packages / "brought_along.py").write_text("WORD = 'mine'\n")
    (runtimes / "own" / MARK).write_text('{"base": "runtime-under-test"}')
    dag = (
        "import brought_along, sys\nfrom airflow.sdk import DAG, task\nwith DAG('d', schedule=None):\n"
        "    @task\n    def word():\n        return [brought_along.WORD, sys.prefix]\n    word()\n"
    )
    works = Works(gateway, {"dags.py": dag})
    work = works.task(dag_id="d", task_id="word")
    work.runtime_digest = "own"
    gateway.give(work)
    assert gateway.finished(work)["state"] == "success", gateway.log_events(work)
    assert gateway.operations(work, "xcom_set")[0]["value"] == ["mine", str(runtimes / "own")]
    other = works.task(dag_id="d", task_id="word")
    gateway.give(other)
    assert gateway.finished(other)["state"] == "up_for_reschedule"
    gateway.until_logged(other, "Error loading DAG")
