"""A second database session beside the test's own, to hold locks and to race."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import psycopg2


@contextlib.contextmanager
def another_session(superuser: Any) -> Iterator[Any]:
    """A cursor in a transaction of its own, rolled back at the end. `superuser`: the fixture of that name."""
    raw = psycopg2.connect(superuser.dsn, password=superuser.info.password)
    try:
        with raw.cursor() as cursor:
            yield cursor
    finally:
        raw.rollback()
        raw.close()


def lock_rows(cursor: Any, table: str, *ids: Any, strength: str = "FOR UPDATE") -> None:
    """As another transaction that is in the middle of changing these rows."""
    cursor.execute(f'SELECT id FROM "{table}" WHERE id::text = ANY(%s) {strength}', [[str(i) for i in ids]])
    assert cursor.rowcount == len(ids)
