"""Wrong values for each field of a JSON schema, and a body in which everything else is right as far as types go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.architecture import portal_page

_SAMPLES = {
    "uuid": "01a1ff70-1249-761e-8657-7d5acbdcd5e8",
    "date-time": "2026-03-01T00:00:00Z",
    "date": "2026-03-01",
    "email": "a@example.com",
    "uri": "https://example.com",
}
_DEEP = {"a": {"b": [{}]}}


@dataclass(frozen=True, slots=True)
class Wrong:
    """`body` has one wrong value: that of the field whose names, from the outside in, are `at`."""

    at: tuple[str, ...]
    value: Any
    body: Any


def wrong_bodies(schema: dict[str, Any]) -> Iterator[Wrong]:
    """One body per field and wrong value, also of fields in objects and in lists of objects."""
    whole = sample(schema)
    for at, field in _fields(schema, ()):
        for value in wrong_values(field):
            yield Wrong(tuple(each for each in at if each != "[]"), value, _with(whole, at, schema, value))


def wrong_values(schema: dict[str, Any]) -> Iterator[Any]:
    """Values that the schema does not allow; none for a field that may be anything."""
    shape = _resolved(schema)
    kinds = _kinds(shape)
    if not kinds:
        return
    if "object" not in kinds:
        yield _DEEP
    if "array" not in kinds:
        yield [[_DEEP]]
    if kinds & {"object", "array", "integer", "number", "boolean"} and "string" not in kinds:
        yield "no such value \u2014"
    if "string" in kinds and ("enum" in shape or shape.get("format") in ("uuid", "date-time", "date")):
        yield "no such value"
    if "string" in kinds and "enum" not in shape:
        yield "a\x00b"
    if "maxLength" in shape:
        yield "x" * (shape["maxLength"] + 1)
    if "maximum" in shape:
        yield shape["maximum"] + 1
    if "minimum" in shape:
        yield shape["minimum"] - 1


def sample(schema: dict[str, Any]) -> Any:
    """A value of the right type; of objects the fields that they need."""
    shape = _resolved(schema)
    if "enum" in shape:
        return next(each for each in shape["enum"] if each not in ("", None))
    kinds = _kinds(shape)
    if "object" in kinds:
        return {name: sample(shape["properties"][name]) for name in shape.get("required", [])}
    if "array" in kinds:
        return [sample(shape.get("items", {}))] if shape.get("minItems") else []
    if "string" in kinds:
        return _SAMPLES.get(shape.get("format", ""), "x" * max(shape.get("minLength", 1), 1))
    if kinds & {"integer", "number"}:
        return shape.get("minimum", 1)
    return kinds != {"boolean"} or True


def _fields(schema: dict[str, Any], at: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    shape = _resolved(schema)
    for name, field in shape.get("properties", {}).items():
        if _resolved(field).get("readOnly") or field.get("readOnly"):
            continue
        yield (*at, name), field
        inner = _resolved(field)
        if "properties" in inner:
            yield from _fields(inner, (*at, name))
        elif "properties" in _resolved(inner.get("items", {})):
            yield from _fields(inner["items"], (*at, name, "[]"))


def _with(whole: Any, at: tuple[str, ...], schema: dict[str, Any], value: Any) -> Any:
    """`whole` with the value there; what is on the way is made when it is not needed otherwise."""
    if not at:
        return value
    if at[0] == "[]":
        item = _resolved(schema)["items"]
        return [_with(whole[0] if whole else sample(item), at[1:], item, value)]
    field = _resolved(schema)["properties"][at[0]]
    inner = whole.get(at[0]) if isinstance(whole, dict) else None
    inner = sample(field) if inner is None else inner
    return {**whole, at[0]: _with(inner, at[1:], field, value)}


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The shape behind references; of several that a field may have, all kinds that they allow together."""
    shape = portal_page._resolved(schema)
    for several in ("allOf", "oneOf", "anyOf"):
        if several in shape:
            parts = [_resolved(each) for each in shape[several]]
            if not all(_kinds(each) for each in parts):
                return {}
            kinds = sorted(set().union(*(_kinds(each) for each in parts)))
            merged: dict[str, Any] = {}
            for part in parts:
                merged |= part
            enums = [each for part in parts for each in part.get("enum", [])]
            return {**merged, "type": kinds, **({"enum": enums} if enums else {})}
    return shape


def _kinds(shape: dict[str, Any]) -> set[str]:
    kind = shape.get("type")
    if kind is None:
        return {"string"} if "enum" in shape else {"object"} if "properties" in shape else set()
    return set(kind) if isinstance(kind, list) else {kind}
