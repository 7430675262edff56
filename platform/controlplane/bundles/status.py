"""Hearing that a bundle version is parsed: the one who stores it announces, the one who pushed waits."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from controlplane.foundation.db import listening, notify
from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.scope import tenant_scope

CHANNEL = "bundle"
OVER = frozenset({"parsed", "failed"})
_LOOK_SECONDS = 2.0
MOST_WATCHERS = 2
"""How many may wait at once in one process: each holds one of its threads and two database connections."""
_places = threading.BoundedSemaphore(MOST_WATCHERS)


@dataclass(frozen=True, slots=True)
class BundleStatus:
    """A look at a bundle version: its state, what is known of it, and the state of the runtime it needs."""

    id: UUID
    state: str
    summary: dict[str, Any]
    runtime_state: str

    @property
    def is_over(self) -> bool:
        """Nothing more will be told of it."""
        return self.state in OVER


def announce(*, bundle_id: UUID, using: str = "default") -> None:
    """Say, at commit, that the state of a bundle version changed."""
    notify(CHANNEL, str(bundle_id), using=using)


def read_status(*, tenant_id: UUID, bundle_id: UUID) -> BundleStatus | None:
    """How the bundle version stands now; None when the tenant has no such version. Opens its own scope."""
    with tenant_scope(tenant_id):
        row = (
            BundleVersion.objects.filter(id=bundle_id)
            .values_list("id", "state", "summary", "runtime__state")
            .first()
        )
    return BundleStatus(row[0], row[1], row[2], row[3] or "") if row else None


def watch(*, tenant_id: UUID, bundle_id: UUID, seconds: float) -> Iterator[BundleStatus]:
    """How it stands now, and again after each change, until it is over or `seconds` have passed.

    Called outside any scope. A lost notification costs at most two seconds. When too many watch already, the
    first look is the only one.
    """
    if seconds <= 0 or not _places.acquire(blocking=False):
        if (status := read_status(tenant_id=tenant_id, bundle_id=bundle_id)) is not None:
            yield status
        return
    try:
        yield from _watch(tenant_id, bundle_id, time.monotonic() + seconds)
    finally:
        _places.release()


def _watch(tenant_id: UUID, bundle_id: UUID, deadline: float) -> Iterator[BundleStatus]:
    with listening(CHANNEL) as link:
        last: BundleStatus | None = None
        while True:
            status = read_status(tenant_id=tenant_id, bundle_id=bundle_id)
            if status is None:
                return
            if status != last:
                yield status
                last = status
            left = deadline - time.monotonic()
            if status.is_over or left <= 0:
                return
            _wait_notice(link, str(bundle_id), min(left, _LOOK_SECONDS))


def _wait_notice(link: Any, payload: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if select.select([link.fileno()], [], [], left)[0]:
            link.poll()
            heard = any(notice.payload == payload for notice in link.notifies)
            link.notifies.clear()
            if heard:
                return
