"""The filters of SCIM that provisioning asks with: `attribute eq "value"`, joined by `and` (RFC 7644, 3.4.2.2)."""

from __future__ import annotations

import json
import re

_TERM = re.compile(
    r'\s*([A-Za-z][A-Za-z0-9_.:-]{0,100})\s+eq\s+("(?:[^"\\]|\\.)*"|true|false)\s*', re.IGNORECASE
)
_AND = re.compile(r"and\s", re.IGNORECASE)
MOST_CHARACTERS = 2000


class FilterInvalid(ValueError):
    """Not a filter, or one of a kind that is not answered."""


def read_filter(text: str, *, known: frozenset[str]) -> dict[str, str]:
    """Attribute (lower case, one of `known`) -> what it must equal; truth values as `true` and `false`.
    Raises FilterInvalid."""
    wanted: dict[str, str] = {}
    at = 0
    if len(text) > MOST_CHARACTERS:
        raise FilterInvalid("the filter is too long")
    while True:
        term = _TERM.match(text, at)
        if term is None:
            raise FilterInvalid('filters are `attribute eq "value"`, joined by `and`')
        name = term[1].lower().rpartition(":")[2]
        if name not in known:
            raise FilterInvalid(f"filters know {', '.join(sorted(known))}")
        try:
            value = json.loads(term[2] if term[2].startswith('"') else json.dumps(term[2].lower()))
        except ValueError as error:
            raise FilterInvalid("the value is not a JSON string") from error
        if "\x00" in value or wanted.setdefault(name, value) != value:
            raise FilterInvalid(f"nothing can be two values of {name}")
        at = term.end()
        if at == len(text):
            return wanted
        joint = _AND.match(text, at)
        if joint is None:
            raise FilterInvalid('filters are `attribute eq "value"`, joined by `and`')
        at = joint.end()
