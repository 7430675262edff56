from pathlib import Path

import pytest

from aerodrome_runtime.shim.moved_names import MOVED
from tests.support.airflow_runtime import AirflowRuntime

INSTALLED = ("airflow.providers.standard", "airflow.providers.smtp", "airflow.providers.common.sql")


def is_there(target: str) -> bool:
    if target.endswith("stand_ins:no_subdags") or target.startswith("!"):
        return False
    return not target.startswith(("airflow.providers.", "kubernetes.")) or target.startswith(INSTALLED)


def is_importable(module: str, target: str) -> bool:
    return is_there(target) and (not module.startswith("airflow.providers.") or module.startswith(INSTALLED))


NAMES = [
    (module, name, target)
    for module, names in MOVED.items()
    for name, target in names.items()
    if name != "*" and is_importable(module, target)
]


@pytest.mark.parametrize(("module", "name", "target"), NAMES, ids=[f"{m}.{n}" for m, n, _ in NAMES])
def test_an_old_import_works_and_is_told(
    runtime: AirflowRuntime, tmp_path: Path, module: str, name: str, target: str
) -> None:
    told = runtime.parse_text(bundle=tmp_path, text=f"\nfrom {module} import {name}\n{name}\n")
    assert told.failures == []
    (found,) = [each for each in told.findings if each.code.startswith("AERO-SHIM")]
    assert (found.code, found.path, found.line) == ("AERO-SHIM-import", "dags/file.py", 2)
    assert found.hint
    if "stand_ins" not in target:
        home = target.partition(":")[0]
        assert found.hint.startswith(f"from {home} import ")


REFUSALS = [
    (module, name, target)
    for module, names in MOVED.items()
    for name, target in names.items()
    if target.startswith("!")
]


@pytest.mark.parametrize(("module", "name", "reason"), REFUSALS, ids=[f"{m}.{n}" for m, n, _ in REFUSALS])
def test_what_cannot_work_is_refused_with_its_reason(
    runtime: AirflowRuntime, tmp_path: Path, module: str, name: str, reason: str
) -> None:
    asked = "Anything" if name == "*" else name
    (only,) = runtime.parse_text(bundle=tmp_path, text=f"\nfrom {module} import {asked}\n").failures
    assert f"{module}.{asked} cannot work here: {reason[1:].strip()}" in only.message
    assert only.line == 2


@pytest.mark.parametrize(
    "statement",
    [
        "from airflow.operators.bash import BashOperator",
        "from airflow.operators.python import PythonOperator, BranchPythonOperator, get_current_context",
        "from airflow.operators.empty import EmptyOperator",
        "from airflow.operators.email import EmailOperator",
        "from airflow.operators.trigger_dagrun import TriggerDagRunOperator",
        "from airflow.operators.latest_only import LatestOnlyOperator",
        "from airflow.operators.branch import BaseBranchOperator",
        "from airflow.sensors.base import BaseSensorOperator",
        "from airflow.sensors.filesystem import FileSensor",
        "from airflow.sensors.external_task import ExternalTaskSensor",
        "from airflow.sensors.python import PythonSensor",
        "from airflow.sensors.time_delta import TimeDeltaSensor",
        "from airflow.sensors.date_time import DateTimeSensor",
        "from airflow.sensors.bash import BashSensor",
        "from airflow.hooks.base import BaseHook",
        "from airflow.models import DAG, BaseOperator, Variable, Connection, TaskInstance, DagBag, XCom, Param",
        "from airflow.models.baseoperator import BaseOperator, chain, cross_downstream",
        "from airflow.models.param import Param",
        "from airflow.utils.task_group import TaskGroup",
        "from airflow.utils.trigger_rule import TriggerRule",
        "from airflow.utils.edgemodifier import Label",
        "from airflow.decorators import dag, task, task_group",
        "from airflow.exceptions import AirflowException, AirflowSkipException, AirflowFailException",
    ],
)
def test_what_airflow_itself_still_finds(runtime: AirflowRuntime, tmp_path: Path, statement: str) -> None:
    """Not ours to add; told by Airflow's own warning where it has one, never by ours."""
    told = runtime.parse_text(bundle=tmp_path, text=statement + "\n")
    assert told.failures == []
    assert not [each for each in told.findings if each.code.startswith("AERO-SHIM")]


def test_subdags_are_refused_with_the_way_out(runtime: AirflowRuntime, tmp_path: Path) -> None:
    told = runtime.parse_text(bundle=tmp_path, text="from airflow.operators.subdag import SubDagOperator\n")
    (only,) = told.failures
    assert "SubDagOperator was removed from Airflow" in only.message
    assert "TaskGroup" in only.message
    assert only.line == 1


def test_an_old_module_without_a_successor_stays_missing(runtime: AirflowRuntime, tmp_path: Path) -> None:
    for statement in ("import airflow.www.app", "from airflow.operators.python_operator import Nothing"):
        told = runtime.parse_text(bundle=tmp_path, text=statement + "\n")
        assert len(told.failures) == 1


def test_airflows_own_packages_do_not_see_old_modules(runtime: AirflowRuntime) -> None:
    """Providers tell Airflow's version by what can be imported."""
    answer = runtime.run(
        """
        def look(name):
            space = {"__name__": name}
            try:
                exec("import airflow.datasets", space)
            except ImportError:
                return "missing"
            return "found"
        result = [look("airflow.providers.some.version_compat"), look("tenants_file")]
        """
    )
    assert answer == ["missing", "found"]


def test_days_ago(runtime: AirflowRuntime) -> None:
    answer = runtime.run(
        """
        import datetime
        from airflow.utils.dates import days_ago, date_range, round_time
        moment = days_ago(2, hour=3)
        today = datetime.datetime.now(datetime.timezone.utc).date()
        start = datetime.datetime(2024, 1, 1)
        result = [
            (today - moment.date()).days in (2, 3), moment.hour, moment.minute, moment.utcoffset().total_seconds(),
            len(date_range(start, num=3, delta=1)), len(date_range(start, datetime.datetime(2024, 1, 5), delta=2)),
            round_time(datetime.datetime(2024, 1, 1, 6, 50), datetime.timedelta(hours=1)).hour,
        ]
        """
    )
    assert answer == [True, 3, 0, 0.0, 3, 3, 7]


def test_installing_imports_nothing_of_airflow(runtime: AirflowRuntime) -> None:
    answer = runtime.run(
        """
        import subprocess, sys
        code = (
            "import sys\\n"
            "from aerodrome_runtime.shim.install import install\\n"
            "install(); install()\\n"
            "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'pendulum', 'jinja2')])\\n"
            "from airflow import DAG\\n"
            "print(DAG('d', schedule_interval='@daily').schedule)"
        )
        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.split("\\n")
        """
    )
    assert answer == ["[]", "@daily", ""]
