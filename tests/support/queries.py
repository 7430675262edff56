"""Counts statements, so that a list that starts to ask once per row is noticed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from django.db import connections


class QueryCounter:
    """Counts what runs on every alias of this thread. BEGIN, COMMIT and PREPARE are not counted."""

    @contextlib.contextmanager
    def __call__(self, expected: int) -> Iterator[list[str]]:
        with counted() as seen:
            yield seen
        listing = "\n".join(f"{number + 1}. {sql[:300]}" for number, sql in enumerate(seen))
        assert len(seen) == expected, f"{len(seen)} statements ran, {expected} were expected:\n{listing}"


@contextlib.contextmanager
def counted() -> Iterator[list[str]]:
    """What runs inside, without judging it."""
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if not sql.startswith(("PREPARE ", "SET plan_cache_mode")):
            seen.append(sql)
        return execute(sql, params, many, context)

    with contextlib.ExitStack() as stack:
        for alias in connections:
            stack.enter_context(connections[alias].execute_wrapper(note))
        yield seen
