"""A second database session beside the test's own, to hold locks and to race."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
from django.db import connections

PATIENCE_SECONDS = 20.0


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


class Other:
    """Work on another thread, with connections of its own. `error`: what ended it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.error: BaseException | None = None
        self._act = act
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()

    def wait_until_blocked(self, superuser: Any) -> None:
        limit = time.monotonic() + PATIENCE_SECONDS
        with superuser.cursor() as cursor:
            while self._thread.is_alive():
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                if cursor.fetchone()[0]:
                    return
                assert time.monotonic() < limit, "it never came to the lock"

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
