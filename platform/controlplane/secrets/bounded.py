"""Asks secret stores with a bound on time and on threads, so that one tenant's broken store is only theirs.

A question runs on one of THREADS threads of the process; at most PER_TENANT of them belong to one tenant, and whoever
finds none free is told at once. After the bound the asker is answered and the store's sockets are cut, so that the
thread comes back too. A store that was slow or away is not asked again for a moment: one failure is paid for once.
Nothing here waits for a lock while it talks to a store.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from controlplane.secrets.source import (
    Kind,
    SecretSource,
    SourceBusy,
    SourceFailed,
    SourceFaulty,
    SourceSlow,
    SourceUnreachable,
)

Found = TypeVar("Found")

SECONDS = 3.0
"""Of one question. Agents, and Airflow's own supervisor, hang up after five."""
THREADS = 16
PER_TENANT = 4
REST_SECONDS = (1.0, 15.0)
"""How long a store that was away is left alone: after the first failure, and at most."""
MOST_RESTING = 10_000


@dataclass
class _Rest:
    """A store that failed: until when it is left alone, and what is said meanwhile."""

    until: float
    seconds: float
    error: SourceFailed


class BoundedAsking:
    """One per process. `seconds` as above."""

    def __init__(self, *, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="secrets")
        self._guard = threading.Lock()
        self._asking: dict[UUID, int] = {}
        self._resting: dict[tuple[UUID, str, int], _Rest] = {}

    def read(
        self, *, source: SecretSource, tenant_id: UUID, store: str, version: int, kind: Kind, name: str
    ) -> Any:
        """What the source says, within the bound. Raises SourceFailed."""
        return self.ask(
            lambda: source.read(kind=kind, name=name),
            abort=source.abort,
            tenant_id=tenant_id,
            store=store,
            version=version,
        )

    def ask(
        self,
        question: Callable[[], Found],
        *,
        abort: Callable[[], None],
        tenant_id: UUID,
        store: str,
        version: int,
    ) -> Found:
        """The same for any question. `store` and `version` name the store in the tenant's chain; `abort` makes the
        question fail. Raises SourceFailed, whose `source` is `store`, and what else the question raises."""
        key = (tenant_id, store, version)
        try:
            self._enter(key)
            found = self._wait(question, abort, tenant_id)
        except SourceFailed as error:
            error.source = store
            if isinstance(error, SourceSlow | SourceUnreachable | SourceFaulty):
                self._let_rest(key, error)
            raise
        self._resting.pop(key, None)
        return found

    def _enter(self, key: tuple[UUID, str, int]) -> None:
        rest = self._resting.get(key)
        if rest is not None and time.monotonic() < rest.until:
            raise type(rest.error)(f"{rest.error} (it is left alone for a moment)")
        with self._guard:
            mine, all_of_them = self._asking.get(key[0], 0), sum(self._asking.values())
            if mine >= PER_TENANT or all_of_them >= THREADS:
                raise SourceBusy(f"{mine} questions to this tenant's secret stores wait already: try again")
            self._asking[key[0]] = mine + 1

    def _wait(self, question: Callable[[], Found], abort: Callable[[], None], tenant_id: UUID) -> Found:
        def ask() -> Found:
            try:
                return question()
            finally:
                with self._guard:
                    left = self._asking[tenant_id] - 1
                    if left:
                        self._asking[tenant_id] = left
                    else:
                        del self._asking[tenant_id]

        asked: Future[Found] = self._threads.submit(ask)
        try:
            return asked.result(self._seconds)
        except TimeoutError:
            abort()
            raise SourceSlow(f"the secret store gave no whole answer in {self._seconds:g} s") from None

    def _let_rest(self, key: tuple[UUID, str, int], error: SourceFailed) -> None:
        now = time.monotonic()
        before = self._resting.get(key)
        if before is not None and now < before.until:
            return
        seconds = min(before.seconds * 2, REST_SECONDS[1]) if before else REST_SECONDS[0]
        if len(self._resting) >= MOST_RESTING:
            self._resting.clear()
        self._resting[key] = _Rest(until=now + seconds, seconds=seconds, error=error)
