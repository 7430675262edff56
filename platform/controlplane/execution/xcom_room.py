"""How much of XComs a tenant may keep (`xcom_bytes`)."""

from __future__ import annotations

from controlplane.execution.room import Rooms
from controlplane.execution.storable import NotStorable
from tenants.scope import require_tenant

_rooms = Rooms(kind="xcom")

forget = _rooms.forget


class XComsFull(NotStorable):
    """The tenant keeps as many bytes of XComs as it may."""


def take_room(*, size: int, using: str = "default") -> None:
    """So many bytes are about to be written, in the tenant's scope. Raises XComsFull, with what to do about it."""
    tenant = str(require_tenant(using=using))
    full = (_rooms.fresh(tenant) or _rooms.read(tenant, using=using)).take(size)
    if full is not None:
        raise XComsFull(
            f"the XComs of this tenant {full} (xcom_bytes). Delete runs that are not needed, keep XComs for fewer days "
            "(retention), push where data is instead of the data, or ask for a larger plan"
        )
