"""The templated fields of a try as they were rendered; the runtime masks secrets in them before it sends them.

Called by `api/execution` (agents send theirs within a report).
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute, json_parameter


def put_rendered_fields(*, task_instance_id: UUID, epoch: int, fields: dict[str, Any]) -> bool:
    """Store or replace them. False when the attempt was superseded; the caller has checked its stage."""
    rows = execute(
        "execution/sql/put_rendered_fields.sql",
        id=task_instance_id,
        epoch=epoch,
        fields=json_parameter(fields),
    )
    return bool(rows)
