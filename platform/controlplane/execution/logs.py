"""Logs of tries: where each is, and the store they are in.

Callers: the agents' door (append), the public API and the portal (read). A key begins with the tenant's id;
whoever takes a key from outside checks that it is the attempt's own (`log_key`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings

from controlplane.execution.log_contract import LogStore
from controlplane.execution.log_files import LogFiles

PIECE_LENGTH = 200
"""File systems take 255 bytes a name."""


def log_key(
    *, tenant_id: UUID | str, dag_id: str, run_id: str, task_id: str, map_index: int, try_number: int
) -> str:
    """`<tenant>/<dag>/<run>/<task>/<map index>/<try>.log`, each piece safe as a file name."""
    pieces = [str(UUID(str(tenant_id))), *(_piece(name) for name in (dag_id, run_id, task_id))]
    return "/".join([*pieces, str(int(map_index)), f"{int(try_number)}.log"])


def callback_log_key(
    *, tenant_id: UUID | str, dag_id: str, run_id: str, callback_id: UUID, claim: int
) -> str:
    """Of one claim of it, beside the tasks of its run: no task's piece begins with a tilde."""
    names = (_piece(name) for name in (dag_id, run_id))
    return "/".join(
        [str(UUID(str(tenant_id))), *names, f"~callback~{callback_id}", "-1", f"{int(claim)}.log"]
    )


def append(*, key: str, offset: int, data: bytes) -> int:
    """See LogStore.append. Raises LogKeyInvalid, LogStoreFull."""
    return _store(settings.STORE_DIR / "logs").append(key=key, offset=offset, data=data)


def read(*, key: str, offset: int = 0, limit: int) -> bytes:
    """See LogStore.read. Raises LogKeyInvalid."""
    return _store(settings.STORE_DIR / "logs").read(key=key, offset=offset, limit=limit)


def size(key: str) -> int:
    """See LogStore.size. Raises LogKeyInvalid."""
    return _store(settings.STORE_DIR / "logs").size(key=key)


def forget_run(*, tenant_id: UUID | str, dag_id: str, run_id: str) -> int:
    """Delete the logs of a run, its tasks' and its callbacks'; how many there were."""
    folder = "/".join([str(UUID(str(tenant_id))), _piece(dag_id), _piece(run_id)])
    return _store(settings.STORE_DIR / "logs").forget(folder=folder)


def sizes(*, tenant_id: UUID | str, dag_ids: Collection[str]) -> dict[str, int]:
    """Bytes of the logs of each of these DAGs that has any; of DAGs that are gone together under no name."""
    names = {_piece(dag_id): dag_id for dag_id in dag_ids}
    found: dict[str, int] = {}
    for piece, size in _store(settings.STORE_DIR / "logs").sizes(folder=str(UUID(str(tenant_id)))).items():
        dag_id = names.get(piece, "")
        found[dag_id] = found.get(dag_id, 0) + size
    return found


def log_place(*, resumed: bool, **names: Any) -> tuple[str, int]:
    """The key of a try's log and where an attempt starts writing: behind what the same try wrote before."""
    key = log_key(**names)
    return key, size(key) if resumed else 0


@cache
def _store(root: Path) -> LogStore:
    return LogFiles(root=root)


def _piece(name: str) -> str:
    # `quote` leaves letters, digits and _.-~ alone. A leading dot could be `.` or `..`; `~` marks a cut name.
    safe = quote(name, safe="").replace("~", "%7E")
    if safe.startswith("."):
        safe = f"%2E{safe[1:]}"
    if len(safe) > PIECE_LENGTH:
        safe = f"{safe[: PIECE_LENGTH - 33]}~{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    return safe or "%"
