"""Answers held against Airflow's own description of its public API: is the status named, does the body fit?"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.api.oracle_v2 import METHODS, description

ALWAYS = {401, 403, 404, 405, 422}
"""What any operation may answer, named or not: who asks, who may not, tenants that are not there, mistakes."""

UNDESCRIBED = {("DELETE", "/api/v2/dags/{dag_id}", 204)}
"""What Airflow itself answers, though its description says otherwise."""


@cache
def airflow() -> dict[str, Any]:
    """The description, out of the environment that AERODROME_TEST_RUNTIME names."""
    return description(Path(os.environ["AERODROME_TEST_RUNTIME"]))


@cache
def _registry() -> Any:
    return Registry().with_resource("airflow", Resource(contents=airflow(), specification=DRAFT202012))


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """Paths, those with the fewest parts to fill in first."""
    found = []
    for path in sorted(airflow()["paths"], key=lambda path: (path.count("{"), path)):
        plain = re.sub(r"{(\w+)}", lambda part: ".+" if part[1] in _WITH_SLASHES else "[^/]+", path)
        found.append((re.compile(f"^{plain}$"), path))
    return found


_WITH_SLASHES = {"xcom_key", "key", "variable_key", "pool_name"}


def mistakes(*, method: str, url: str, status: int, content_type: str, body: bytes) -> list[str]:
    """What of an answer does not fit the description; `url` may have a `/t/<tenant>` in front."""
    path = re.sub(r"^/t/[^/]+", "", urlsplit(url).path)
    found = [each for pattern, each in _templates() if pattern.match(path)]
    if not found:
        return [f"{method} {path} is not described"]
    told = [each for each in found if method.lower() in airflow()["paths"][each]]
    if not told or method.lower() not in METHODS:
        return [] if status == 405 else [f"{method} {path} answers {status}, but is not described"]
    responses = airflow()["paths"][told[0]][method.lower()]["responses"]
    if str(status) not in responses:
        return (
            []
            if status in ALWAYS or (method, told[0], status) in UNDESCRIBED
            else [f"{method} {told[0]} answers {status}, which is not described"]
        )
    if status == 422 or not content_type.startswith("application/json") or not body:
        return []  # Airflow describes its list of mistakes, and answers texts as well
    if "application/json" not in responses[str(status)].get("content", {}):
        return []
    pointer = "/".join(
        each.replace("~", "~0").replace("/", "~1")
        for each in (
            "",
            "paths",
            told[0],
            method.lower(),
            "responses",
            str(status),
            "content",
            "application/json",
            "schema",
        )
    )
    validator = Draft202012Validator({"$ref": f"airflow#{_quoted(pointer)}"}, registry=_registry())
    return [
        f"{method} {told[0]} {status}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"
        for error in validator.iter_errors(json.loads(body))
    ]


def _quoted(pointer: str) -> str:
    return pointer.replace("{", "%7B").replace("}", "%7D")
