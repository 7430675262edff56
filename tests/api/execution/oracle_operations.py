"""Ask Airflow's own Task Execution API app which operations each of its dated versions has.

    <python with apache-airflow==3.3.2> tests/api/execution/oracle_operations.py > tests/fixtures/execution_operations.json

Run by hand when Airflow's version changes. `test_operations.py` reads the answers, and asks again when
`AERODROME_TEST_RUNTIME` names such a python.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile

out = sys.stdout
sys.stdout = sys.stderr  # Airflow may print
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())
os.environ.setdefault("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "sqlite:////dev/null/airflow.db")


def operations() -> dict[str, list[str]]:
    """version -> "METHOD path", sorted by path."""
    from airflow.api_fastapi.execution_api.app import create_task_execution_api_app
    from fastapi.routing import APIRoute
    from starlette.testclient import TestClient

    app = create_task_execution_api_app()
    # The versions' routers are filled by the first request.
    TestClient(app).get("/openapi.json", params={"version": str(next(iter(app.router.versioned_routers)))})
    return {
        str(version): sorted(
            (
                f"{method} {route.path}"
                for route in router.routes
                if isinstance(route, APIRoute)
                for method in route.methods
            ),
            key=lambda name: name.split()[::-1],
        )
        for version, router in app.router.versioned_routers.items()
    }


if __name__ == "__main__":
    json.dump(operations(), out, indent=1)
    out.write("\n")
