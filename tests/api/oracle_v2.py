"""Writes tests/fixtures/v2_operations.json: every operation of Airflow's public API, from its own description.

    python -m tests.api.oracle_v2 <python with apache-airflow==3.3.2>

Run by hand when Airflow's version changes. `test_v2_operations.py` reads the list, and reads Airflow's description
again when `AERODROME_TEST_RUNTIME` names such a python.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.source_files import ROOT

STORED = ROOT / "tests" / "fixtures" / "v2_operations.json"
METHODS = ("get", "post", "put", "patch", "delete")


def description(python: Path) -> dict[str, Any]:
    """Airflow's OpenAPI document, out of the environment of `python`."""
    [found] = python.parent.parent.glob(
        "lib/python3*/site-packages/airflow/api_fastapi/core_api/openapi/v2-rest-api-generated.yaml"
    )
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    read: dict[str, Any] = yaml.load(found.read_text(encoding="utf-8"), Loader=loader)
    return read


def operations(python: Path) -> list[dict[str, str]]:
    """Method, path, operation id and tag of each, as they are described."""
    return [
        {"method": method.upper(), "path": path, "id": told["operationId"], "tag": told["tags"][0]}
        for path, methods in description(python)["paths"].items()
        for method, told in methods.items()
        if method in METHODS
    ]


if __name__ == "__main__":
    lines = ",\n ".join(json.dumps(each) for each in operations(Path(sys.argv[1])))
    STORED.write_text(f"[\n {lines}\n]\n", encoding="utf-8")
