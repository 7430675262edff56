"""What this bundle's authors want checked: `aerodrome.toml`, or `[tool.aerodrome]` in `pyproject.toml`.

[validate]
lint = "warn"            # Ruff's AIR rules: off, warn or error
credentials = "error"    # hard-coded credentials
[policy]
owner = "off"            # every task has an owner other than Airflow's default
timeout = "off"          # every DAG has a dagrun_timeout, or every task an execution_timeout
retries = "warn"         # no task has more than max_retries
max_retries = 5
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

Wish = Literal["off", "warn", "error"]
_WISHES = ("off", "warn", "error")
MINE, SHARED = "aerodrome.toml", "pyproject.toml"


class RulesWrong(Exception):
    """The file with the rules cannot be followed; the message names the key."""


@dataclass(frozen=True, slots=True)
class Rules:
    lint: Wish = "warn"
    credentials: Wish = "error"
    owner: Wish = "off"
    timeout: Wish = "off"
    retries: Wish = "warn"
    max_retries: int = 5


_PLACES = {"validate": ("lint", "credentials"), "policy": ("owner", "timeout", "retries", "max_retries")}


def read_rules(root: Path) -> Rules:
    """The rules of the bundle at `root`; the defaults where it says nothing. Raises `RulesWrong`."""
    for name in (MINE, SHARED):
        if (root / name).is_file():
            try:
                table: dict[str, Any] = tomllib.loads((root / name).read_text("utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise RulesWrong(f"{name} cannot be read: {error}") from error
            if name == SHARED:
                table = table.get("tool", {}).get("aerodrome", {})
            if table:
                return _rules(table, name)
    return Rules()


def _rules(table: dict[str, Any], where: str) -> Rules:
    told = Rules()
    known = {field.name for field in fields(Rules)}
    for section, values in table.items():
        if section not in _PLACES or not isinstance(values, dict):
            raise RulesWrong(
                f"{where}: [{section}] is unknown; there is {', '.join(f'[{name}]' for name in _PLACES)}"
            )
        for key, value in values.items():
            if key not in known or key not in _PLACES[section]:
                raise RulesWrong(
                    f"{where}: {key!r} is unknown in [{section}]; there is {', '.join(_PLACES[section])}"
                )
            is_number = key == "max_retries"
            if is_number and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
                raise RulesWrong(f"{where}: {key} must be a whole number, 0 or more")
            if not is_number and value not in _WISHES:
                raise RulesWrong(f"{where}: {key} must be one of {', '.join(_WISHES)}, not {value!r}")
            told = replace(told, **{key: value})
    return told
