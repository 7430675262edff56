"""What agents say of triggers: an event, a failure, that they let go. The task goes on at once.

Called by `execution.report` through the door's wiring, in the transaction of the report. The first word of a
trigger counts; a later one, or one of a task that waits no more, moves nothing and is accepted all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.execution import large_xcoms
from controlplane.execution.storable import REPLACEMENT, json_text
from controlplane.execution.xcom_room import XComsFull, take_room
from controlplane.foundation.db import uuid_or_none
from controlplane.ledger.deferral import FAILED, Failure, Fired, fire, release_triggers
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.record_event import record_event
from controlplane.ledger.transitions import XComWrite, put_xcoms

ENDS = frozenset({"success", "failed", "skipped"})
LINES = 400
"""Longest traceback that is kept."""

WATCHERS: dict[str, Callable[..., None]] = {}
"""`event`: what an asset watcher's event does, registered by the station of assets. Called with (watcher_id,
payload, now, using)."""
LONGEST = 4000
"""Characters of a watcher's failure that are kept: its last."""
KEYS = 100
"""How many keys of a watcher's events are kept: an agent sends a report again at once, or when it is back."""


class EventInvalid(ValueError):
    """The body of the operation is not one of a trigger."""


def fired(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    """`trigger_event`: {"payload": encoded by serde} resumes, {"ends": state, "xcoms": {...}} ends the task."""
    trigger = Trigger.objects.using(using).filter(id=id, epoch=epoch).first()
    if trigger is None:
        return
    if trigger.task_instance_id is None:
        if _is_news(id, body.get("key"), using) and (handle := WATCHERS.get("event")):
            handle(watcher_id=trigger.watcher_id, payload=body.get("payload"), now=now, using=using)
        return
    ends = body.get("ends")
    if ends is None:
        fire(fired=[Fired(id=id, epoch=epoch, event=body.get("payload"))], now=now, using=using)
        return
    xcoms = body.get("xcoms") or {}
    if ends not in ENDS or not isinstance(xcoms, dict):
        raise EventInvalid(f"a trigger ends its task in {sorted(ENDS)}, not {ends!r}")
    writes = [XComWrite(id, epoch, str(key)[:512], json_text(value), None) for key, value in xcoms.items()]
    try:
        take_room(size=sum(len(write.value or "") for write in writes), using=using)
    except XComsFull as error:
        fire(fired=[Fired(id=id, epoch=epoch, failure=Failure(error=str(error)))], now=now, using=using)
        return
    if fire(fired=[Fired(id=id, epoch=epoch, ends=str(ends))], now=now, using=using) and writes:
        put_xcoms(writes=large_xcoms.placed(writes, using=using), now=now, using=using)


def failed(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    """`trigger_failed`: {"traceback": lines | None, "error"}: the task is resumed only to fail, as in Airflow.

    Nobody waits for an asset watcher's: its agent begins it again, and says here what is wrong with it.
    """
    lines = body.get("traceback")
    if lines is not None and not isinstance(lines, list):
        raise EventInvalid("traceback must be a list of lines")
    failure = Failure(
        error=str(body.get("error") or FAILED)[:2000],
        traceback=None if lines is None else [str(line)[:10000] for line in lines[-LINES:]],
    )
    watcher = Trigger.objects.using(using).filter(id=id, epoch=epoch, task_instance_id=None).first()
    if watcher is not None:
        _log_failure(watcher, failure, now, using)
        return
    fire(fired=[Fired(id=id, epoch=epoch, failure=failure)], now=now, using=using)


def released(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    """`trigger_released`: its agent ends; another one may have it at once."""
    release_triggers(attempts=[(id, epoch)], using=using)


def _log_failure(watcher: Trigger, failure: Failure, now: datetime, using: str) -> None:
    """No task's log can say what is wrong with an asset watcher: the event log does."""
    told = "".join(failure.traceback or [failure.error])[-LONGEST:]
    extra = {"assets": sorted(watcher.assets or {}), "trigger": watcher.classpath, "error": told}
    record_event(
        event="asset_watcher_failed",
        owner=None,
        now=now,
        extra=msgspec.json.decode(json_text(extra, nul=REPLACEMENT)),
        using=using,
    )


def _is_news(id: UUID, key: Any, using: str) -> bool:
    """Whether this event was not heard before: its report may be sent again when the answer was lost."""
    known = uuid_or_none(key) if isinstance(key, str) else None
    if known is None:
        return True
    row = Trigger.objects.using(using).select_for_update().filter(id=id).first()
    if row is None or known in (row.heard or ()):
        return False
    row.heard = [*(row.heard or ()), known][-KEYS:]
    row.save(using=using, update_fields=["heard"])
    return True
