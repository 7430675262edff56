"""What a tenant stores, measured once a day: XComs and logs per DAG, files of bundles, artefacts, Git repositories.

An errand of each tenant that ever ran a task (`usage.py` asks for it), for as long as it stores anything: an idle tenant
pays for what it keeps, and costs one round a day. Rows are read in one transaction, folders are walked outside of any,
and the day is written in another: measured twice, it is what was measured first.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from time import monotonic
from uuid import UUID

from django.conf import settings

from controlplane.bundles.artefact import ArtefactMissing, artefact_path
from controlplane.execution import logs
from controlplane.foundation.db import execute
from controlplane.ledger.models.storage_held import StorageHeld
from tenants.scope import tenant_scope

SPREAD_SECONDS = 72_000
"""Tenants are measured all over the day, each at an instant of its own."""

COUNT_AGAIN = timedelta(minutes=5)

Stored = Counter[tuple[str, str]]
"""(kind, DAG or nothing) -> bytes."""


def measure_tenant(*, tenant_id: UUID, ref: UUID, now: datetime) -> datetime | None:
    """Errand `measure`. Returns when to go again; None when nothing is stored."""
    with tenant_scope(tenant_id):
        rows = execute("maintenance/sql/measure_storage.sql")
    stored: Stored = Counter({(kind, name): size for kind, name, size in rows if kind in ("xcom", "bundle")})
    for dag_id, size in logs.sizes(
        tenant_id=tenant_id, dag_ids=[name for kind, name, _ in rows if kind == "dag"]
    ).items():
        stored["log", dag_id] += size
    stored["artefact", ""] = sum(_artefact(name) for kind, name, _ in rows if kind == "digest")
    stored["git", ""] = sum(_folder(folder) for folder in _repositories(tenant_id))
    found = {key: size for key, size in stored.items() if size > 0}
    if not found:
        return None
    with tenant_scope(tenant_id):
        execute(
            "maintenance/sql/put_storage.sql",
            day=now.astimezone(UTC).date(),
            kinds=[kind for kind, _ in found],
            dags=[dag_id for _, dag_id in found],
            bytes=list(found.values()),
        )
    tomorrow = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), tzinfo=UTC)
    return tomorrow + timedelta(seconds=tenant_id.int % SPREAD_SECONDS)


def count_logs(*, tenant_id: UUID, ref: UUID, now: datetime) -> None:
    """Errand `count_logs`, of a tenant that may keep so many bytes of logs only: the longer it takes, the rarer it is
    done. What is stored while it counts may count twice, until the next time."""
    begun = monotonic()
    size = sum(logs.sizes(tenant_id=tenant_id, dag_ids=()).values())
    again = now + max(COUNT_AGAIN, 300 * timedelta(seconds=monotonic() - begun))
    with tenant_scope(tenant_id):
        execute("maintenance/sql/put_held_logs.sql", bytes=size, now=now, again=again)


def recount_logs(*, tenant_id: UUID, now: datetime) -> None:
    """Some were deleted: where they are counted, the room that this makes is there at once."""
    with tenant_scope(tenant_id):
        is_counted = StorageHeld.objects.filter(kind="log").exists()
    if is_counted:
        count_logs(tenant_id=tenant_id, ref=tenant_id, now=now)


def _artefact(digest: str) -> int:
    try:
        return artefact_path(digest).stat().st_size
    except (FileNotFoundError, ArtefactMissing):
        return 0


def _repositories(tenant_id: UUID) -> Iterator[Path]:
    for folder in (Path(settings.GIT_DIR), Path(settings.GIT_DIR) / "remotes"):
        yield folder / f"{tenant_id}.git"


def _folder(path: Path) -> int:
    """Files of it; what goes away meanwhile is nothing."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += Path(folder, name).lstat().st_size
            except FileNotFoundError:
                continue
    return total
