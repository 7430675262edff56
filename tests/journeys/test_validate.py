"""`validate` and the server say the same of the same folder: what is accepted, what is wrong where, every finding."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from launcher.settings import read_settings
from launcher.validate.check import check_folder
from launcher.validate.deployed import NotCompared
from launcher.validate.show import Verdict
from tests.journeys.test_hostile_files import GOOD, HOSTILE, MENTION
from tests.support.base_runtime import furnish_base
from tests.support.stack import CHECKOUT, Stack
from tests.support.stack_tenant import StackTenant

Validate = Callable[..., Verdict]
DAG = (
    "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.empty import EmptyOperator as E\n"
)
WRONG = {
    "dags/syntax.py": MENTION + "    def (:\n",
    "dags/cycle.py": DAG + "with DAG('cycle'):\n    a, b = E(task_id='a'), E(task_id='b')\n    a >> b >> a\n",
    "dags/twice_a.py": DAG + "with DAG('twice'):\n    E(task_id='a')\n",
    "dags/twice_b.py": DAG + "with DAG('twice'):\n    E(task_id='a')\n",
    "dags/missing.py": "from airflow.sdk import DAG\nimport nowhere_to_be_found\n",
    "dags/same_task.py": DAG + "with DAG('same'):\n    E(task_id='a')\n    E(task_id='a')\n",
    "dags/old.py": "from airflow import DAG\nfrom airflow.utils.dates import days_ago\n"
    "old = DAG('old', start_date=days_ago(1), schedule_interval='@daily', concurrency=2)\n",
    "dags/endless_rule.py": DAG + "with DAG('rule'):\n    E(task_id='a', trigger_rule='never')\n",
    "dags/good.py": GOOD,
}


@pytest.fixture(scope="module")
def validate(tmp_path_factory: pytest.TempPathFactory) -> Validate:
    """`check_folder` on a folder of these texts, with a data folder of its own."""
    data = tmp_path_factory.mktemp("validate-data")
    for folder in (data, *data.parents):
        if folder.is_relative_to("/tmp") and folder != Path("/tmp") and folder.stat().st_uid == os.getuid():
            folder.chmod(0o755)
    environment = {**os.environ, "AERODROME_DATA": str(data)}
    furnish_base(runtimes=data / "agent" / "runtimes")

    def check(files: dict[str, str], *, against: str | None = None, token: str | None = None) -> Verdict:
        root = tmp_path_factory.mktemp("bundle")
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(textwrap.dedent(text))
        return check_folder(
            root=root, against=against, token=token, checkout=CHECKOUT, environment=environment, tell=print,
            settings=read_settings(environment=environment, checkout=CHECKOUT),
        )  # fmt: skip

    return check


def of_server(
    stack: Stack, tenant: StackTenant, files: dict[str, str]
) -> tuple[set[str], set[Any], set[Any]]:
    tenant.push(files)

    def summary() -> dict[str, Any] | None:
        rows = tenant.rows("SELECT summary, state FROM bundle_version ORDER BY id DESC LIMIT 1")
        return rows[0][0] if rows and rows[0][1] in ("parsed", "failed") else None

    told = stack.until(summary, "the bundle to be parsed", seconds=120)
    errors = {(each["path"], each["line"], each["kind"], each["message"]) for each in told["errors"]}
    findings = {
        (each["code"], each["path"], each.get("line", 0), each["message"]) for each in told["findings"]
    }
    return {each["dag_id"] for each in told["accepted"]}, errors, findings


def of_validate(verdict: Verdict) -> tuple[set[str], set[Any], set[Any]]:
    ours = [
        each for each in verdict.problems if each.code.startswith("AERO-") and "CREDENTIAL" not in each.code
    ]
    errors = {
        (each.path, each.line, each.code.removeprefix("AERO-IMPORT-"), each.message)
        for each in ours
        if each.code.startswith("AERO-IMPORT")
    }
    findings = {
        (each.code, each.path, each.line, each.message)
        for each in ours
        if not each.code.startswith(("AERO-IMPORT", "AERO-POLICY"))
    }
    return set(verdict.dags), errors, findings


def texts(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".md"
    }


def test_of_files_with_something_wrong(stack: Stack, tenant: StackTenant, validate: Validate) -> None:
    said, errors, findings = of_validate(validate(WRONG))
    assert (said, errors, findings) == of_server(stack, tenant, WRONG)
    assert said == {"good", "old"}
    kinds = {path.rpartition("/")[2]: kind for path, _, kind, _ in errors}
    assert (
        kinds["cycle.py"] == "cycle" and kinds["twice_a.py"] == "duplicate" and kinds["syntax.py"] == "syntax"
    )


def test_of_hostile_files(stack: Stack, tenant: StackTenant, validate: Validate) -> None:
    files = {f"dags/{name}.py": text for name, text in HOSTILE.items()} | {"dags/good.py": GOOD}
    verdict = validate(files)
    assert of_validate(verdict) == of_server(stack, tenant, files)
    assert "good" in verdict.dags


def test_of_the_examples(stack: Stack, tenant: StackTenant, validate: Validate) -> None:
    files = texts(CHECKOUT / "examples")
    assert of_validate(validate(files)) == of_server(stack, tenant, files)


def test_of_the_seeds(stack: Stack, tenant: StackTenant, validate: Validate) -> None:
    files = texts(CHECKOUT / "tests/fixtures/seeds")
    files.pop("requirements.txt", None)
    files.pop("index.json", None)
    assert of_validate(validate(files)) == of_server(stack, tenant, files)


def test_of_a_bundle_that_is_refused(validate: Validate) -> None:
    """The upload door refuses it with the same words: `tests/services/bundles` has them."""
    verdict = validate({"requirements.txt": "-r other.txt\n", "dags/good.py": GOOD})
    assert verdict.dags == {}
    assert [each.code for each in verdict.problems if each.level == "error"] == ["AERO-BUNDLE"]


def test_what_a_push_would_change_is_read_from_the_tenants_api(
    stack: Stack, tenant: StackTenant, validate: Validate
) -> None:
    files = texts(CHECKOUT / "examples")
    tenant.push(files)
    tenant.until_listed("warehouse", "orders_etl", "branching")
    server = {"against": f"{stack.base_url}/t/{tenant.slug}", "token": tenant.door.token}
    assert validate(files, **server).changes == []
    files["dags/branching.py"] = files["dags/branching.py"].replace('"branching"', '"renamed"')
    files["dags/more.py"] = textwrap.dedent(GOOD)
    changed = validate(files, **server).changes
    assert changed is not None
    assert {(each.dag_id, each.kind) for each in changed} == {
        ("branching", "removed"),
        ("renamed", "added"),
        ("good", "added"),
    }
    other = stack.sign_up()
    with pytest.raises(NotCompared, match=r"answered 40[134]"):
        validate(files, against=f"{stack.base_url}/t/{other.slug}", token=tenant.door.token)
