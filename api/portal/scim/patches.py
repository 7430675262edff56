"""Reads SCIM's bodies and PATCH operations into what provisioning takes (RFC 7643, 4; RFC 7644, 3.5.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api.portal.scim.frame import ScimMalformed

PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
MOST_OPERATIONS = 1000
_MEMBER = re.compile(r'members\[\s*value\s+eq\s+"([^"]{1,100})"\s*\]', re.IGNORECASE)


@dataclass(slots=True)
class GroupChange:
    """`exactly`: who is in it from now on, before `add` and `remove`."""

    name: str | None = None
    exactly: list[UUID] | None = None
    add: list[UUID] = field(default_factory=list)
    remove: list[UUID] = field(default_factory=list)


def person_fields(body: dict[str, Any]) -> dict[str, Any]:
    """What of a User is kept; attributes that are not, are passed over, as SCIM wants it."""
    found: dict[str, Any] = {}
    for key, value in body.items():
        name = key.lower()
        if name == "username":
            found["user_name"] = value
        elif name == "externalid":
            found["external_id"] = value
        elif name == "active":
            found["active"] = _truth(value)
        elif name == "displayname" or (name == "name" and isinstance(value, dict)):
            found.setdefault("full_name", value if isinstance(value, str) else _full_name(value))
        elif name == "emails" and isinstance(value, list):
            found["email"] = _email(value)
    return found


def person_patch(body: dict[str, Any]) -> dict[str, Any]:
    """The fields that the operations change. Raises ScimMalformed."""
    found: dict[str, Any] = {}
    for kind, path, value in _operations(body):
        if kind == "remove":
            found |= {"email": ""} if path.lower().startswith("emails") else {}
        elif not path:
            if not isinstance(value, dict):
                raise ScimMalformed("an operation without a path has an object for a value")
            found |= person_fields(value)
        elif path.lower().startswith("emails"):
            found["email"] = value if isinstance(value, str) else _email(value)
        elif path.lower().startswith("name."):
            found["full_name"] = value
        else:
            found |= person_fields({path.rpartition(":")[2]: value})
    return found


def group_patch(body: dict[str, Any]) -> GroupChange:
    """Raises ScimMalformed."""
    change = GroupChange()
    for kind, path, value in _operations(body):
        lower = path.lower()
        if kind == "remove" and (match := _MEMBER.fullmatch(path)):
            _out(change, [_id(match[1])])
        elif kind == "remove" and lower == "members":
            if value is None:
                change.exactly, change.add = [], []
            else:
                _out(change, member_ids(value))
        elif kind == "add" and lower == "members":
            _in(change, member_ids(value))
        elif kind == "replace" and lower == "members":
            change.exactly, change.add, change.remove = member_ids(value), [], []
        elif kind != "remove" and lower == "displayname":
            change.name = _name(value)
        elif kind != "remove" and not path and isinstance(value, dict):
            if "displayName" in value:
                change.name = _name(value["displayName"])
            if "members" in value and kind == "add":
                _in(change, member_ids(value["members"]))
            elif "members" in value:
                change.exactly, change.add, change.remove = member_ids(value["members"]), [], []
        elif lower != "externalid":
            raise ScimMalformed(f"this path is not changed: {path[:100]!r}")
    return change


def member_ids(value: Any) -> list[UUID]:
    """Of a list of `{"value": id}`. Raises ScimMalformed."""
    given = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) and isinstance(each.get("value"), str) for each in given):
        raise ScimMalformed('members are a list of {"value": "<id>"}')
    return [_id(each["value"]) for each in given]


def _operations(body: dict[str, Any]) -> list[tuple[str, str, Any]]:
    given = body.get("Operations")
    if PATCH not in (body.get("schemas") or []) or not isinstance(given, list) or not given:
        raise ScimMalformed("send a PatchOp with a list of Operations")
    if len(given) > MOST_OPERATIONS:
        raise ScimMalformed(f"at most {MOST_OPERATIONS} operations at once")
    found = []
    for each in given:
        kind = str(each.get("op", "")).lower() if isinstance(each, dict) else ""
        path = each.get("path") or "" if isinstance(each, dict) else None
        if kind not in ("add", "replace", "remove") or not isinstance(path, str):
            raise ScimMalformed("an operation is add, replace or remove, with a path in text")
        found.append((kind, path, each.get("value")))
    return found


def _in(change: GroupChange, ids: list[UUID]) -> None:
    change.add = [*change.add, *ids]
    change.remove = [each for each in change.remove if each not in ids]


def _out(change: GroupChange, ids: list[UUID]) -> None:
    change.remove = [*change.remove, *ids]
    change.add = [each for each in change.add if each not in ids]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ScimMalformed(f"no person has the id {text[:100]!r}") from error


def _truth(value: Any) -> bool:
    if isinstance(value, str) and value.lower() in ("true", "false"):  # as some providers write it
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise ScimMalformed("active is true or false")
    return value


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ScimMalformed("displayName is text")
    return value


def _full_name(value: dict[str, Any]) -> str:
    parts = [value.get("givenName"), value.get("familyName")]
    written = value.get("formatted")
    return written if isinstance(written, str) else " ".join(part for part in parts if isinstance(part, str))


def _email(value: Any) -> str:
    given = [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
    given.sort(key=lambda each: each.get("primary") is not True)
    found = given[0].get("value") if given else ""
    return found if isinstance(found, str) else ""
