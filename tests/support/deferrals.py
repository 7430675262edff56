"""What tasks say when they defer, as Airflow's SDK encodes it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from controlplane.foundation.clock import utc_now
from domain.timers import moment

DATE_TIME = "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
OWN = "my_triggers.Waits"


def until(at: datetime, *, ends: bool = False, **more: Any) -> dict[str, Any]:
    """The payload of a task that defers to a DateTimeTrigger."""
    return {
        "classpath": DATE_TIME,
        "trigger_kwargs": {"moment": moment(at), "end_from_trigger": ends},
        "next_method": "execute_complete",
        "next_kwargs": {},
        **more,
    }


def ago(**length: float) -> datetime:
    return utc_now() - timedelta(**length)


def ahead(**length: float) -> datetime:
    return utc_now() + timedelta(**length)


def to_own(**more: Any) -> dict[str, Any]:
    """The payload of a task that defers to a trigger of its author's."""
    return {
        "classpath": OWN,
        "trigger_kwargs": {"seconds": 5},
        "next_method": "execute_complete",
        "next_kwargs": {"word": "kept"},
        **more,
    }
