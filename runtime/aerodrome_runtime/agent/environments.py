"""The two environments this agent gives away: a zygote's and a task's. Both are lists of what is allowed."""

from __future__ import annotations

from pathlib import Path

AIRFLOW = {
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": "[]",
    # Airflow wants a parseable address at import; this one can never be opened, and children block the ORM.
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "sqlite:////dev/null/airflow.db",
    "AIRFLOW__LOGGING__REMOTE_LOGGING": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    # Without it Airflow asks the name service for the host on every start.
    "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
}


def zygote_environment(*, site: Path, home: Path) -> dict[str, str]:
    """For `python -m aerodrome_runtime.zygote`: no token, no address, no secret."""
    return {
        **_common(home=str(home)),
        "PYTHONPATH": str(site),
    }


def task_environment(*, home: str, private_tmp: bool) -> dict[str, str]:
    """For a task or a parse child: its home is its own, `/tmp` only where the jail has one."""
    environment = _common(home=f"{home}/airflow")
    environment |= {
        "HOME": home,
        "TMPDIR": "/tmp" if private_tmp else home,
        "USER": "task",
        "LOGNAME": "task",
    }
    return environment


def _common(*, home: str) -> dict[str, str]:
    return {
        **AIRFLOW,
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "HOME": home,
        "AIRFLOW_HOME": home,
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "random",
    }
