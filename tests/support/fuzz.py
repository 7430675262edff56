"""Generated requests from an OpenAPI document, sent in-process, and what of the answers the document does not allow.

Never a 5xx; only statuses, content types and bodies that are described. Parts of paths that name something there is are
given by `known`, so that most requests come further than a 404.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
METHODS = ("get", "post", "put", "patch", "delete")
_AT = "/described.json"


def operations(document: dict[str, Any]) -> list[tuple[str, str]]:
    """(METHOD, path) of each."""
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method in methods
        if method in METHODS
    ]


def narrowed_to(document: dict[str, Any], known: dict[str, list[Any]]) -> dict[str, Any]:
    """A copy in which parts of paths are one of the values that are there, or anything that fits."""
    made = copy.deepcopy(document)
    for methods in made["paths"].values():
        for told in methods.values():
            for each in told.get("parameters", []) if isinstance(told, dict) else []:
                if each.get("in") == "path" and each["name"] in known:
                    values = known[each["name"]]
                    each["schema"] = {"enum": values}
    return made


def mistakes(
    document: dict[str, Any],
    wanted: Iterable[tuple[str, str]],
    *,
    headers: dict[str, str],
    examples: int,
    before: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """One line per operation whose answers do not fit, with the request that shows it."""
    chosen = set(wanted)
    schema = schemathesis.openapi.from_wsgi(_AT, _serving(document))
    for result in schema.get_all_operations():
        operation = result.ok()
        if (operation.method.upper(), operation.path) not in chosen:
            continue

        @settings(
            max_examples=examples,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def attempt(case: Any) -> None:
            before()
            case.call_and_validate(headers=headers, checks=CHECKS)

        try:
            attempt()
        except BaseException as error:  # a group of failures, or of one that Hypothesis saw twice
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            yield f"{operation.method.upper()} {operation.path}: {_told(error)}"


def _told(error: BaseException) -> str:
    parts = getattr(error, "exceptions", None)
    if parts:
        return " | ".join(_told(each) for each in parts)
    return f"{type(error).__name__}: {' '.join(str(error).split())[:700]}"


def _serving(document: dict[str, Any]) -> Any:
    """Django, and the document beside it."""
    django = get_wsgi_application()
    text = json.dumps(document, default=str).encode()

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("PATH_INFO") == _AT:
            start_response("200 OK", [("Content-Type", "application/json")])
            return [text]
        return django(environ, start_response)

    return app
