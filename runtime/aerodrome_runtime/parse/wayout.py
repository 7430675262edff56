"""The way out of the most common failures: which requirement to add, and that there is no database."""

from __future__ import annotations

import re
import traceback

_NESTED_PROVIDERS = ("apache", "atlassian", "cncf", "common", "dbt", "microsoft")
"""Folders of `airflow.providers` that are no provider themselves but hold several."""

_DATABASE_CODE = ("/airflow/utils/session.py", "/airflow/secrets/metastore.py")

_DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "bs4": "beautifulsoup4",
    "PIL": "Pillow",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "psycopg2": "psycopg2-binary",
    "MySQLdb": "mysqlclient",
    "kafka": "kafka-python",
    "jwt": "PyJWT",
    "Crypto": "pycryptodome",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.storage": "google-cloud-storage",
    "snowflake.connector": "snowflake-connector-python",
    "great_expectations": "great-expectations",
    "cosmos": "astronomer-cosmos",
}


def way_out(*, error: BaseException) -> str:
    """One sentence saying what to do, or an empty string when `error` speaks for itself."""
    if _wants_database(error):
        return "DAG code cannot reach Airflow's database: ask the REST API, or use airflow.sdk inside a task"
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    provider = provider_distribution(module=_wanted(error))
    if provider:
        return f"Add {provider} to requirements.txt"
    if error.name.split(".")[0] in ("airflow", "airflow_local_settings"):
        return ""
    name = _DISTRIBUTIONS.get(error.name) or _DISTRIBUTIONS.get(error.name.split(".")[0])
    if name:
        return f"Add {name} to requirements.txt"
    top = error.name.split(".")[0]
    return f"Add the package that provides {top!r} to requirements.txt, or the module to the bundle"


def _wants_database(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    is_ours = any(frame.filename.endswith(_DATABASE_CODE) for frame in frames)
    return is_ours or type(error).__module__.startswith("sqlalchemy")


def _wanted(error: ModuleNotFoundError) -> str:
    """The whole dotted path the author asked for: Python names only the first part that is missing."""
    frames = traceback.extract_tb(error.__traceback__)
    asked = re.search(r"airflow\.providers\.[\w.]+", (frames[-1].line or "") if frames else "")
    name = error.name or ""
    return asked[0] if asked and asked[0].startswith(name) else name


def provider_distribution(*, module: str) -> str:
    """`airflow.providers.cncf.kubernetes.operators.pod` -> `apache-airflow-providers-cncf-kubernetes`.

    Empty when `module` is no provider's, or is one whose distribution is installed already (then the module
    itself is gone or misspelt, and adding the requirement again would not help).
    """
    parts = module.split(".")
    if parts[:2] != ["airflow", "providers"] or len(parts) < 3:
        return ""
    depth = 2 if parts[2] in _NESTED_PROVIDERS else 1
    if len(parts) < 2 + depth:
        return f"an apache-airflow-providers-{parts[2]}-… package"
    name = "apache-airflow-providers-" + "-".join(parts[2 : 2 + depth])
    return "" if _is_installed(name) else name


def _is_installed(distribution: str) -> bool:
    from importlib.metadata import PackageNotFoundError, version

    try:
        version(distribution)
    except PackageNotFoundError:
        return False
    return True
