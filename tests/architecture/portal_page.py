"""Writes docs/reference/api/portal.md and portal.json: the portal's API, from the document that the server gives.

Run `.venv/bin/python -m tests.architecture.portal_page` with `platform`, `.` and `runtime` on PYTHONPATH after a change of
a view or a shape; tests/api/portal/test_schema.py fails until then. Needs no database.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Any

from tests.architecture.source_files import ROOT

FOLDER = ROOT / "docs" / "reference" / "api"
PAGE, DOCUMENT = FOLDER / "portal.md", FOLDER / "portal.json"
METHODS = ("get", "post", "put", "patch", "delete")
_HEAD = """\
# Portal API

<!-- Made from the OpenAPI document by `python -m tests.architecture.portal_page`. Change views and shapes instead. -->

The platform's own API, below `/api/portal/v1/`. The same as an OpenAPI 3.1 document: [portal.json](portal.json), or
`/api/portal/v1/schema` on a server. How errors, pages, keys, tags and limits work is told once, in
[conventions.md](conventions.md).
"""


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document. Django must be set up."""
    from api.portal.schema import PortalGenerator

    made: dict[str, Any] = PortalGenerator(urlconf="api.portal.urls").get_schema(request=None, public=True)
    return json.loads(json.dumps(made, default=str))  # type: ignore[no-any-return]  texts may be lazy


def text() -> str:
    """portal.json."""
    return json.dumps(document(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def page() -> str:
    """portal.md."""
    told = [
        (path, method, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]
    lines = [_HEAD]
    for title, group in groupby(
        sorted(told, key=lambda each: (_title(each[0]), each[0])), lambda each: _title(each[0])
    ):
        lines.append(f"\n## {title}\n")
        for path, method, operation in group:
            lines += _operation(path, method, operation)
    return "".join(lines)


def _title(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    return (parts[1] if parts[0] in ("tenants", "organisations") and len(parts) > 1 else parts[0]).replace(
        "-", " "
    )


def _operation(path: str, method: str, told: dict[str, Any]) -> Iterator[str]:
    yield f"\n### {method.upper()} `{path}`\n\n"
    if said := " ".join(told.get("description", "").split()):
        yield f"{said}\n\n"
    if told.get("security") == []:
        yield "No bearer is needed.\n\n"
    for each in told.get("parameters", []):
        if each["in"] == "query":
            yield f"- `?{each['name']}`: {_shape(each['schema'])}. {' '.join(each.get('description', '').split())}\n"
    for kind, body in told.get("requestBody", {}).get("content", {}).items():
        if kind == "application/json":
            yield from (f"- {line}\n" for line in _fields(body["schema"]))
        else:
            yield f"- body: `{kind}`\n"
    answers = [
        f"{status} {_shape(content.get('schema', {}))} (`{kind}`)"
        for status, answer in told["responses"].items()
        if status.startswith("2")
        for kind, content in (answer.get("content") or {"nothing": {}}).items()
    ]
    refusals = [status for status in told["responses"] if status >= "4"]
    yield f"- answers: {'; '.join(answers) or 'nothing'}. Refusals: {', '.join(refusals)}.\n"


def _fields(schema: dict[str, Any]) -> Iterator[str]:
    shape = _resolved(schema)
    needed = shape.get("required", [])
    for name, field in shape.get("properties", {}).items():
        said = " ".join(_resolved(field).get("description", field.get("description", "")).split())
        yield f"`{name}`{'' if name in needed else ' (optional)'}: {_shape(field)}.{' ' + said if said else ''}"


def _shape(schema: dict[str, Any]) -> str:
    """In a few words."""
    found = _resolved(schema)
    if "enum" in found:
        return "one of " + ", ".join(f"`{value}`" for value in found["enum"])
    for several in ("oneOf", "anyOf", "allOf"):
        if several in found:
            return " or ".join(_shape(each) for each in found[several])
    kind = found.get("type", "anything")
    kinds = kind if isinstance(kind, list) else [kind]
    words = [_word(each, found) for each in kinds]
    return " or ".join(words)


def _word(kind: str, schema: dict[str, Any]) -> str:
    if kind == "array":
        return f"list of {_shape(schema.get('items', {}))}"
    if kind == "object":
        names = ", ".join(f"`{name}`" for name in schema.get("properties", {}))
        return f"object ({names})" if names else "object"
    return str(schema["format"]) if kind == "string" and "format" in schema else kind


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


if __name__ == "__main__":
    from tests.support import session  # noqa: F401  gives Django its settings

    FOLDER.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    DOCUMENT.write_text(text(), encoding="utf-8")
