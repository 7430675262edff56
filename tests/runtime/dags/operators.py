"""One task of every operator of the standard provider that needs nothing from outside."""

import sys
from datetime import UTC, datetime, time

from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.datetime import BranchDateTimeOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.latest_only import LatestOnlyOperator
from airflow.providers.standard.operators.python import (
    BranchExternalPythonOperator,
    BranchPythonOperator,
    ExternalPythonOperator,
    PythonOperator,
    PythonVirtualenvOperator,
    ShortCircuitOperator,
)
from airflow.providers.standard.operators.smooth import SmoothOperator
from airflow.providers.standard.operators.weekday import BranchDayOfWeekOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.providers.standard.sensors.filesystem import FileSensor
from airflow.providers.standard.sensors.python import PythonSensor
from airflow.providers.standard.sensors.time import TimeSensor
from airflow.providers.standard.sensors.time_delta import TimeDeltaSensor
from airflow.sdk import DAG, BaseHook


def add(a, b=1):
    return a + b


def left():
    return "left"


def where():
    import sys

    return sys.version_info[0]


with DAG("operators", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC)):
    ends = [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    BashOperator(task_id="bash", bash_command="echo {{ ds }} $WORD", env={"WORD": "told"}, append_env=True)
    BashOperator(task_id="bash_skips", bash_command="exit 99")
    BashOperator(task_id="bash_fails", bash_command="exit 3")
    PythonOperator(task_id="python", python_callable=add, op_args=[1], op_kwargs={"b": 2})
    ExternalPythonOperator(task_id="external_python", python=sys.executable, python_callable=where)
    PythonVirtualenvOperator(task_id="virtualenv", python_callable=where, system_site_packages=False)
    BranchPythonOperator(task_id="branch", python_callable=left) >> ends
    (
        BranchExternalPythonOperator(task_id="branch_external", python=sys.executable, python_callable=left)
        >> ends
    )
    (
        BranchDateTimeOperator(
            task_id="branch_time",
            follow_task_ids_if_true="left",
            follow_task_ids_if_false="right",
            target_lower=time(0, 0, 0),
            target_upper=time(23, 59, 59),
        )
        >> ends
    )
    (
        BranchDayOfWeekOperator(
            task_id="branch_day",
            follow_task_ids_if_true="left",
            follow_task_ids_if_false="right",
            week_day={"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"},
        )
        >> ends
    )
    ShortCircuitOperator(task_id="short_circuit", python_callable=lambda: False) >> ends[0]
    LatestOnlyOperator(task_id="latest_only") >> ends[1]
    SmoothOperator(task_id="smooth")
    BashSensor(task_id="bash_sensor", bash_command="true", poke_interval=1, timeout=20)
    PythonSensor(task_id="python_sensor", python_callable=lambda: True, poke_interval=1, timeout=20)
    FileSensor(task_id="file_sensor", filepath=__file__, poke_interval=1, timeout=20)
    DateTimeSensor(task_id="date_time_sensor", target_time="2020-01-01T00:00:00+00:00")
    TimeSensor(task_id="time_sensor", target_time=time(0, 0, 0))
    TimeDeltaSensor(task_id="time_delta_sensor", delta=datetime(2020, 1, 2) - datetime(2020, 1, 1))
    EmailOperator(
        task_id="email",
        to="a@example.com",
        subject="{{ ds }}",
        html_content="<b>told</b>",
        from_email="b@example.com",
    )
    PythonOperator(task_id="hook", python_callable=lambda: BaseHook.get_connection("told").host)
