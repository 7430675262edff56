"""Whether what somebody passes to a run fits the DAG's params: JSON schemas, as Airflow 3.3.2 checks them.

A tenant writes the schemas and a caller the values, and neither may cost the control plane anything: no schema
is fetched from anywhere (`$ref` knows the schema itself and the public meta-schemas only), and a schema whose
check could take exponential time (`is_costly`) is to be checked in a process that may be ended. Called by
`runs/params.py`. (Whether a DAG with a schedule has defaults for all is checked where its file is parsed.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from jsonschema import FormatChecker
from jsonschema.exceptions import SchemaError, best_match
from jsonschema.validators import validator_for
from referencing import Registry
from referencing.exceptions import Unresolvable

_COSTLY: Final = frozenset({"pattern", "patternProperties", "$ref", "$dynamicRef", "$recursiveRef"})
_MOST_PARTS: Final = 2000
_DURATION: Final = re.compile(
    r"P(?!$)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+(?:[.,]\d+)?S)?)?)"
)


class ParamsInvalid(ValueError):
    """A value does not fit its param. The text is Airflow's."""


def merged(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The DAG's params (`DagSpec.params`) with the values that the caller passes instead of the defaults."""
    out = {name: dict(param) for name, param in params.items()}
    for name, value in (conf or {}).items():
        out[name] = {**out.get(name, {}), "value": value}
    return out


def is_costly(params: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether checking these may take time out of all proportion: regular expressions, references, huge schemas."""
    pending: list[Any] = [param.get("schema") for param in params.values()]
    seen = 0
    while pending:
        part = pending.pop()
        seen += 1
        if seen > _MOST_PARTS:
            return True
        if isinstance(part, Mapping):
            if not _COSTLY.isdisjoint(part):
                return True
            pending += part.values()
        elif isinstance(part, list):
            pending += part
    return False


def check(params: Mapping[str, Mapping[str, Any]]) -> None:
    """Every param has a value that fits its schema. Raises ParamsInvalid for the first that has not."""
    for name, param in params.items():
        try:
            if "value" not in param:
                raise ParamsInvalid("No value passed")
            _check_one(param["value"], param.get("schema") or {})
        except Exception as error:
            # Whatever is wrong, with the value or with the schema itself: as in Airflow it is the param's.
            text = str(error) if not isinstance(error, RecursionError) else "its schema refers to itself"
            raise ParamsInvalid(f"Invalid input for param {name}: {text}") from None


def _check_one(value: Any, schema: Any) -> None:
    """`jsonschema.validate` with no way to the network."""
    kind = validator_for(schema)
    kind.check_schema(schema)
    validator = kind(schema, registry=Registry(), format_checker=_FORMATS)
    try:
        error = best_match(validator.iter_errors(value))
    except Unresolvable as refused:
        raise SchemaError(f"{refused}; a schema may refer to itself only") from None
    if error is not None:
        raise error


def _is_duration(text: object) -> bool:
    return not isinstance(text, str) or _DURATION.fullmatch(text) is not None


_FORMATS: Final = FormatChecker()
_FORMATS.checks("duration")(_is_duration)
