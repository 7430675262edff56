"""Airflow's own virtual environment, from its lock, made once per lock; and its settings, tuned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).with_name("airflow.lock")
HOST = "127.0.0.1"


def ensure_environment(folder: Path) -> Path:
    """The environment's Python; built when ``folder`` holds none for this lock. Byte code is compiled."""
    final = folder / f"environment-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if final.exists():
        return final / "bin" / "python"
    print("  building Airflow's environment from its lock", file=sys.stderr, flush=True)
    partial = final.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else "uv"
    python = partial / "bin" / "python"
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    for arguments in (
        ["venv", "--quiet", "--relocatable", "--python", sys.executable, str(partial)],
        ["pip", "install", "--quiet", "--python", str(python), "--compile-bytecode", "--no-deps",
         "--require-hashes", "-r", str(LOCK)],
    ):  # fmt: skip
        subprocess.run([uv, *arguments], check=True, env=environment)
    partial.rename(final)
    return final / "bin" / "python"


def settings(*, home: Path, socket: Path, password: str, port: int, secret: str) -> dict[str, str]:
    """Everything Airflow is told. Tuned: see benchmarks/README.md for what each change gives."""
    database = f"postgres:{password}@/airflow?host={socket}&port=5432"
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "16",
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "64",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        # Without it Airflow asks the name service for the host on every start.
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "512",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "2",
        "AIRFLOW__API__SECRET_KEY": secret,
        "AIRFLOW__API_AUTH__JWT_SECRET": secret,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
