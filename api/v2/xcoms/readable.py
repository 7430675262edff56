"""XCom values for people: what `deserialize` and `stringify` of `GET …/xcomEntries/{xcom_key}` make of a stored value.

Airflow's serialiser writes an object as its class, version and data. Nothing is made an object again here: the class is a
tenant's. It is written out instead, as Airflow's own server does (`airflow.serialization.stringify`, 3.3.2). Values of
Airflow's own classes stay as they are stored, as there.
"""

from __future__ import annotations

import json
import re
from typing import Any

CLASS, VERSION, DATA = "__classname__", "__version__", "__data__"
_OLD_CLASS, _OLD_DATA = "__type", "__var"
_SEQUENCES = frozenset({"builtins.tuple", "builtins.set", "builtins.frozenset"})
_DAG_MODULE = re.compile(r"unusual_prefix_[a-f0-9]{40}_")


class NotReadable(ValueError):
    """A value that only the code that made it can read."""


def readable(value: Any) -> Any:
    """The stored value with each serialised object as a text; as it is where that cannot be done."""
    found = _parsed(value) if isinstance(value, str) else value
    try:
        return _told(found)
    except (NotReadable, RecursionError):
        return value


def as_text(value: Any) -> str | None:
    """As Python prints it."""
    return None if value is None else str(value)


def _parsed(text: str) -> Any:
    """What JSON text holds; other texts are themselves."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(name: str) -> Any:
    raise NotReadable(f"{name} is not JSON")


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(each) for each in value]
    if not isinstance(value, dict):
        return value
    if _OLD_CLASS in value and _OLD_DATA in value:
        if value[_OLD_CLASS] == "dict":
            return _plain(value[_OLD_DATA])
        value = {CLASS: value[_OLD_CLASS], VERSION: 0, DATA: value[_OLD_DATA]}
    return _object(value) if CLASS in value and VERSION in value else _plain(value)


def _plain(value: Any) -> Any:
    if not isinstance(value, dict):
        raise NotReadable("it says that it is a dict, and is none")
    if CLASS in value and VERSION in value:
        return _object(value)
    return {name: _told(each) for name, each in value.items()}


def _object(value: dict[str, Any]) -> str:
    name, version, data = value[CLASS], value[VERSION], value.get(DATA)
    if not isinstance(name, str) or not isinstance(version, int) or not name or name.startswith("airflow."):
        raise NotReadable(f"{name!r} cannot be told")
    if name in _SEQUENCES and isinstance(data, list):
        return f"({','.join(str(_told(each)) for each in data)})"
    return f"{_DAG_MODULE.sub('', name)}@version={version}({_fields(data)})"


def _fields(data: Any) -> str:
    if isinstance(data, dict):
        return ", ".join(
            f"{name}={each!r}" if isinstance(each, str) else f"{name}={_told(each)}"
            for name, each in data.items()
        )
    if isinstance(data, list):
        return ",".join(str(_told(each)) for each in data)
    return "" if data is None else str(data)
