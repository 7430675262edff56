"""What a tenant turns by itself, within bounds: the published list of settings, what holds, and how they change.

Kept in the tenant's row and read where they are used, so that a change needs no restart. A plan may bound them: how
often files are parsed by themselves by its limit `parses_per_hour`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tenants.limits.read import read_quota
from tenants.models.tenant import Tenant
from tenants.scope import require_tenant

Value = int | bool | None


@dataclass(frozen=True, slots=True)
class Knob:
    """`default` holds until somebody sets it. `least` and `most` are seconds; None: it is yes or no."""

    name: str
    meaning: str
    default: Value
    least: int | None = None
    most: int | None = None
    may_be_off: bool = False
    counts: str = ""
    """From when on a change counts."""


KNOBS: Final[tuple[Knob, ...]] = (
    Knob(
        "parse_interval_seconds",
        "The files in force are parsed again so often without a push: for DAGs that depend on Variables or on the time. "
        "null: only when something is pushed, or somebody asks",
        None,
        least=30,
        most=7 * 86_400,
        may_be_off=True,
        counts="the next time is counted from now",
    ),
    Knob(
        "parse_timeout_seconds",
        "How long one file may take to load",
        30,
        least=1,
        most=300,
        counts="the next order to parse",
    ),
    Knob(
        "heartbeat_timeout_seconds",
        "How long the supervisor of a task that is not one of our agents may be silent before the task is lost",
        300,
        least=30,
        most=3600,
        counts="the next look at each task, also at those that run",
    ),
    Knob(
        "dags_paused_at_creation",
        "Whether DAGs that are new begin paused",
        False,
        counts="the next DAG",
    ),
)
BY_NAME: Final = {knob.name: knob for knob in KNOBS}


class SettingInvalid(ValueError):
    """A setting that nobody publishes, or whose value cannot be one here. `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Set:
    """One setting of one tenant: what holds, and the bounds it has here."""

    knob: Knob
    value: Value
    is_set: bool
    least: int | None


def read_settings(*, using: str = "default") -> dict[str, Set]:
    """Of the tenant whose scope is open. A plan that became smaller counts at once, whatever was set before."""
    held = Tenant.objects.using(using).get(id=require_tenant(using=using)).settings
    out = {}
    for knob in KNOBS:
        value, least = held.get(knob.name, knob.default), _least(knob, using)
        if least is not None and isinstance(value, int) and not isinstance(value, bool):
            value = max(value, least)
        out[knob.name] = Set(knob, value, knob.name in held, least)
    return out


def change_settings(values: Mapping[str, object]) -> dict[str, object]:
    """Inside the tenant's scope. Returns what they were. Raises SettingInvalid."""
    given = {name: _checked(name, value) for name, value in values.items()}
    tenant = Tenant.objects.select_for_update().get(id=require_tenant())
    before = {name: tenant.settings.get(name, BY_NAME[name].default) for name in given}
    tenant.settings.update(given)
    tenant.save(update_fields=["settings"])
    return before


def value_of(name: str, settings: Mapping[str, Any]) -> Any:
    """A setting that no plan bounds, from a tenant's row that was read anyway."""
    return settings.get(name, BY_NAME[name].default)


def _least(knob: Knob, using: str) -> int | None:
    if knob.name != "parse_interval_seconds" or knob.least is None:
        return knob.least
    times = read_quota(using=using).value("parses_per_hour")
    return knob.least if times is None else max(knob.least, math.ceil(3600 / times))


def _checked(name: str, value: object) -> Value:
    knob = BY_NAME.get(name)
    if knob is None:
        raise SettingInvalid(name, f"there is no setting '{name}'; there are {', '.join(BY_NAME)}")
    if knob.least is None or knob.most is None:
        if not isinstance(value, bool):
            raise SettingInvalid(name, f"{name} is true or false")
        return value
    if value is None and knob.may_be_off:
        return None
    least = _least(knob, "default") or knob.least
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= knob.most:
        off = ", or null for never" if knob.may_be_off else ""
        raise SettingInvalid(
            name, f"{name} is a whole number of seconds from {least} to {knob.most} here{off}"
        )
    return value
