"""Connections as the application's own roles, without Django: for proofs about the wall itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2.extras import register_uuid

VARIABLES = {
    "aerodrome_app": "AERODROME_DATABASE_URL",
    "aerodrome_sched": "AERODROME_DATABASE_SCHED_URL",
    "aerodrome_auth": "AERODROME_DATABASE_AUTH_URL",
}


@contextlib.contextmanager
def connected_as(role: str) -> Iterator[Any]:
    """A driver connection of that role; what it did is rolled back at the end."""
    register_uuid()
    raw = psycopg2.connect(os.environ[VARIABLES[role]])
    with contextlib.closing(raw):
        yield raw


def set_tenant(cursor: Any, tenant: UUID | None) -> None:
    """Set the scope for this transaction, as `tenant_scope` does; None leaves it unset."""
    if tenant is not None:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant)])
