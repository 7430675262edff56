"""What this release is, for archives: its version and the shape of the tables that they hold."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache

from django.conf import settings
from django.db import connections

from controlplane.maintenance.archive.fates import archived, columns


@cache
def release() -> str:
    """As the project file says it."""
    return str(tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]["version"])


@cache
def schema() -> str:
    """16 digits of every archived table's columns with their types."""
    sha = hashlib.sha256()
    for table, model in sorted(archived().items()):
        for field in columns(model):
            sha.update(f"{table}.{field.column} {column_type(field)}\n".encode())
    return sha.hexdigest()[:16]


def column_type(field: object) -> str:
    """The column's type in SQL."""
    found = field.db_type(connections["default"])  # type: ignore[attr-defined]
    return str(found)
