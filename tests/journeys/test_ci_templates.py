"""The templates for CI: every command in them is run here, as its runner does, against a tenant of a running stack."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.base_runtime import furnish_base
from tests.support.git_client import Clone
from tests.support.stack import CHECKOUT
from tests.support.stack_tenant import StackTenant

TEMPLATES = CHECKOUT / "infra" / "ci-templates"
DAG = """from airflow.sdk import dag, task


@dag(schedule=None)
def from_ci():
    @task
    def only():
        {}

    only()


from_ci()
"""
GOOD, FAILS, BROKEN = (
    DAG.format("return 1"),
    DAG.format("raise ValueError('no')"),
    "from airflow.sdk import dag, nothing\n",
)
COMMIT = "c" * 40


@dataclass
class Runner:
    """Both kinds of runner have the same folders here: DAGs, Aerodrome beside them, a data folder that is kept."""

    place: Path
    tenant: StackTenant
    token: str

    def write(self, text: str) -> None:
        """A commit: GitHub's runner checks it out beside Aerodrome, GitLab's around it."""
        Clone(folder=self.place / "bundle", url="").commit({"dags/from_ci.py": text.encode()})
        ignored = b"/bundle\n/aerodrome\n/data\n"
        Clone(folder=self.place, url="").commit({"dags/from_ci.py": text.encode(), ".gitignore": ignored})

    def run(self, shell: list[str], script: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.place),
            "TENANT_URL": f"{self.tenant.stack.base_url}/t/{self.tenant.slug}",
            "AERODROME_TOKEN": self.token,
            "AERODROME_DATA": str(self.place / "data"),
            "AERODROME_REPOSITORY": "/nowhere",
            "GITHUB_SHA": COMMIT,
            "CI_COMMIT_SHA": COMMIT,
            **more,
        }
        return subprocess.run(
            [*shell, script], cwd=self.place, env=environment, capture_output=True, text=True, timeout=300, check=False
        )  # fmt: skip

    def github(self, job: str, **more: str) -> subprocess.CompletedProcess[str]:
        """The job's own step, as `run:` is run by default on Linux."""
        steps = template("github-actions.yml")["jobs"][job]["steps"]
        [script] = [step["run"] for step in steps if "run" in step]
        assert "${{" not in script, "what a runner puts into a script could be a command"
        return self.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"], script, **more)

    def gitlab(self, job: str, **more: str) -> subprocess.CompletedProcess[str]:
        told = template("gitlab-ci.yml")
        script = "\n".join([*told["default"]["before_script"], *told[job]["script"]])
        return self.run(["sh", "-e", "-c"], script, **more)


def template(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((TEMPLATES / name).read_text(encoding="utf-8")))


@pytest.fixture
def token(tenant: StackTenant) -> Callable[..., str]:
    def make(role: str, *scopes: str) -> str:
        body = {"name": f"ci-{role}", "kind": "api", "role": role, "scopes": list(scopes)}
        path = f"/api/portal/v1/tenants/{tenant.slug}/tokens"
        return str(tenant.login.portal.call("POST", path, body)["token"])

    return make


@pytest.fixture
def runner(tenant: StackTenant, token: Callable[..., str], tmp_path: Path) -> Runner:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp") and folder.stat().st_uid == os.getuid():
            folder.chmod(0o755)
    command = tmp_path / "aerodrome" / "aerodrome"
    command.parent.mkdir()
    # In CI this makes an environment first; here there is one.
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH={CHECKOUT / "platform"}:{CHECKOUT} exec {sys.executable} -P -m launcher "$@"\n'
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    furnish_base(runtimes=tmp_path / "data" / "agent" / "runtimes")
    return Runner(tmp_path, tenant, token("Author", "bundles.push", "bundles.read", "dags.read"))


def test_what_is_good_is_validated_and_deployed_and_what_is_not_is_not(
    runner: Runner, token: Callable[..., str]
) -> None:
    tenant = runner.tenant
    mode = f"/api/portal/v1/tenants/{tenant.slug}/deployment-mode"
    runner.write(GOOD)
    validated = runner.github("validate")
    assert validated.returncode == 0, validated.stdout + validated.stderr
    deployed = runner.github("deploy")
    assert (deployed.returncode, deployed.stdout) == (0, "deployment 1 is active: 1 DAGs\n"), deployed.stderr
    shown = tenant.login.portal.call("GET", f"/api/portal/v1/tenants/{tenant.slug}/deployments/1")
    assert (shown["bundle"]["message"], shown["reason"]) == (COMMIT, "upload")

    # Nothing is compared without a token, as in a pull request from a fork; what is broken stops the job.
    runner.write(BROKEN)
    assert runner.gitlab("validate", AERODROME_TOKEN="").returncode == 1
    refused = runner.gitlab("deploy")
    assert refused.returncode == 1, refused.stderr
    assert "ERROR  dags/from_ci.py:1: ImportError" in refused.stdout
    annotated = runner.github("deploy")
    assert annotated.returncode == 1
    assert "::error file=dags/from_ci.py,line=1::ImportError" in annotated.stdout

    # A canary that fails fails the job, and has been rolled back by then.
    runner.write(GOOD + "# mended\n")
    assert runner.gitlab("deploy").returncode == 0
    tenant.login.portal.call("PATCH", mode, {"canary": {"dag_id": "from_ci"}})
    runner.write(FAILS)
    tried = runner.gitlab("deploy")
    assert tried.returncode == 1, tried.stderr
    assert "canary failed: the run canary__" in tried.stdout and "rolled back to deployment" in tried.stdout
    tenant.login.portal.call("PATCH", mode, {"canary": None, "mode": "manual"})
    runner.write(GOOD + "# by hand\n")
    checked = runner.gitlab("deploy")
    assert (checked.returncode, "deploys by hand" in checked.stdout) == (0, True), checked.stderr

    # Who may not push, or gives no token, hears so and is not taken for somebody whose DAGs are wrong.
    for given, said in ((token("Viewer", "bundles.read"), "403"), ("", "give a token"), ("nonsense", "401")):
        away = runner.gitlab("deploy", AERODROME_TOKEN=given)
        assert (away.returncode, said in away.stderr) == (2, True), away.stderr


@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATES.glob("*.yml")))
def test_a_template_gives_its_token_to_its_own_commands_alone(name: str) -> None:
    told = template(name)
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    assert "pull_request_target" not in text, "it would hand the token to a stranger's code"
    if name.startswith("github"):
        assert told["permissions"] == {"contents": "read"}
        for job in told["jobs"].values():
            places = [step for step in job["steps"] if "checkout" in step.get("uses", "")]
            assert places and all(step["with"]["persist-credentials"] is False for step in places)
    assert {"validate", "deploy"} <= (told["jobs"].keys() if "jobs" in told else told.keys())
