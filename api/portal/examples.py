"""An example of each shape of the portal's document, made from the shape: right by its types, and readable.

Names that mean something everywhere have a value of their own; the rest is what its type says.
tests/api/portal/test_schema.py holds each example against its shape.
"""

from __future__ import annotations

import re
from typing import Any, Final

_BY_NAME: Final = {
    "slug": "acme-production",
    "tenant": "acme-production",
    "username": "ada",
    "email": "ada@example.com",
    "name": "Nightly",
    "dag_id": "orders",
    "dag_run_id": "scheduled__2026-03-01T00:00:00+00:00",
    "task_id": "load",
    "branch": "main",
    "currency": "EUR",
    "month": "2026-03",
    "next": None,
    "created_by": "ada",
    "url": "https://example.com/hook",
    "message": "What it is about",
    "reason": "A ticket of the support desk",
}
_BY_PATTERN: Final = ("acme-production", "2026-03", "12345", "Nightly", "1.2.3")
_BY_FORMAT: Final = {
    "uuid": "01a1ff70-1249-761e-8657-7d5acbdcd5e8",
    "date-time": "2026-03-01T06:00:00Z",
    "date": "2026-03-01",
    "email": "ada@example.com",
    "uri": "https://example.com",
}


def give_examples(shapes: dict[str, Any]) -> None:
    """`examples` of every shape that is an object, in place. Shapes may point at each other by `$ref`."""
    for shape in shapes.values():
        if shape.get("type") == "object" and shape.get("properties"):
            shape["examples"] = [_example(shape, shapes, "")]


def _example(schema: dict[str, Any], shapes: dict[str, Any], name: str) -> Any:
    if "$ref" in schema:
        return _example(shapes[schema["$ref"].rpartition("/")[2]], shapes, name)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return _example(schema[several][0], shapes, name)
    if schema.get("default") is not None:
        return schema["default"]
    if "enum" in schema:
        return next(each for each in schema["enum"] if each not in ("", None))
    kinds = schema.get("type", "object")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if name == "next" and "null" in kinds:
        return None
    if kind == "string":
        return _text(schema, name)
    if kind == "array":
        return [_example(schema.get("items", {}), shapes, name)]
    if kind in ("integer", "number"):
        return max(schema.get("minimum", 3), 3) if schema.get("maximum", 3) >= 3 else schema["maximum"]
    if kind == "boolean":
        return True
    return {
        each: _example(field, shapes, each)
        for each, field in schema.get("properties", {}).items()
        if not field.get("readOnly")
    }


def _text(schema: dict[str, Any], name: str) -> str:
    if schema.get("format") in _BY_FORMAT:
        return _BY_FORMAT[schema["format"]]
    if pattern := schema.get("pattern"):
        return next((each for each in _BY_PATTERN if re.search(pattern, each)), "")
    text = _BY_NAME.get(name) or name.replace("_", " ") or "text"
    return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", len(text) + 500)]
