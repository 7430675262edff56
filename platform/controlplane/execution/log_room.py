"""How much of logs a tenant may keep (`log_storage_bytes`): a log that finds no room ends with a line that says so."""

from __future__ import annotations

import json
from datetime import datetime
from uuid import UUID

from controlplane.execution import logs
from controlplane.execution.room import Rooms
from tenants.scope import tenant_scope

_BEGINNING = "The log ends here"
_TAIL = 1024
"""No line that ends a log is longer."""
_rooms = Rooms(kind="log")

forget = _rooms.forget


def append(*, tenant_id: UUID, key: str, offset: int, data: bytes, now: datetime) -> tuple[int, bool]:
    """As `logs.append`, where there is room: bytes stored by now, and whether the log ended for want of room.

    One that did holds a last line with the reason, once. Asks outside of any transaction.
    """
    tenant = str(tenant_id)
    if not data:
        return logs.append(key=key, offset=offset, data=data), False
    room = _rooms.fresh(tenant)
    if room is None:
        with tenant_scope(tenant_id):
            room = _rooms.read(tenant)
    full = room.take(len(data))
    if full is None:
        return logs.append(key=key, offset=offset, data=data), False
    before = logs.read(key=key, offset=max(0, offset - _TAIL), limit=min(offset, _TAIL))
    if f'"event": "{_BEGINNING}'.encode() in before:
        return offset, True
    line = {
        "timestamp": now.isoformat().replace("+00:00", "Z"),
        "level": "warning",
        "event": f"{_BEGINNING}: the logs of this tenant {full} (log_storage_bytes). The task goes on. Delete runs that "
        "are not needed, keep logs for fewer days (retention), or ask for a larger plan",
        "logger": "supervisor",
    }
    # The bytes before may end amid a line.
    gap = b"" if before.endswith(b"\n") or not before else b"\n"
    return logs.append(key=key, offset=offset, data=gap + json.dumps(line).encode() + b"\n"), True
