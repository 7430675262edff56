"""The scheduler's loop: who has work, one transaction each, then wait for a notification or the next instant.

It only calls verbs. Its cost depends on what happens, not on how many tenants, DAGs or runs there are.
"""

from __future__ import annotations

import time
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from controlplane.executors.contract import Executor
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute, is_collision, uuid_or_none
from controlplane.foundation.heartbeats import beat
from controlplane.foundation.service import Service
from controlplane.scheduler.lease import LeaseLost, Leases
from controlplane.scheduler.work import Handlers, work_for

log = structlog.get_logger("scheduler")

TENANTS_PER_ROUND = 200
POLL_SECONDS = 1.0
REST_SECONDS = 2.0
BEAT_SECONDS = 5.0


class SchedulerLoop:
    """One process. Several may run: leases keep them off each other's tenants."""

    def __init__(self, *, executor: Executor, handlers: Handlers, using: str = "scheduler") -> None:
        self.executor, self.handlers, self.using = executor, handlers, using
        self.leases = Leases(using=using)
        self._looked_at = 0.0
        self._beaten_at = 0.0
        self._resting: dict[UUID, float] = {}
        self._told_at: dict[UUID, float] = {}

    def service(self) -> Service:
        """The loop as a service: woken by `work`, at the latest every second."""
        return Service(
            name="scheduler",
            run_once=self.run_once,
            channels=("work",),
            using=self.using,
            poll_seconds=POLL_SECONDS,
        )

    def run_once(self, payloads: set[str]) -> float:
        """Work for the tenants named, and for all with due work when it is time to look. Returns seconds."""
        self._beat()
        named = {found for text in payloads if (found := uuid_or_none(text))}
        wait = POLL_SECONDS
        due: set[UUID] = set()
        # A full look is due after every wait that nobody's name ended, and at least once a second.
        if not named or time.monotonic() - self._looked_at > POLL_SECONDS:
            due, wait = self._look()
        again = False
        for tenant_id in named | due:
            if time.monotonic() >= self._resting.get(tenant_id, 0.0):
                again |= self._work(tenant_id)
        return 0.0 if again else max(wait, 0.05 if self._resting else 0.0)

    def _may_tell_rest(self, tenant_id: UUID) -> bool:
        """Once a second per busy tenant: reading a long queue after each end would cost more than the work."""
        if time.monotonic() - self._told_at.get(tenant_id, -POLL_SECONDS) < POLL_SECONDS:
            return False
        if len(self._told_at) > TENANTS_PER_ROUND:
            self._told_at.clear()
        self._told_at[tenant_id] = time.monotonic()
        return True

    def _beat(self) -> None:
        """The scheduler lives, and with it the orders to parse that it hands out."""
        if time.monotonic() - self._beaten_at > BEAT_SECONDS:
            self._beaten_at = time.monotonic()
            for service in ("scheduler", "dag_processor"):
                beat(service=service, now=utc_now())

    def _look(self) -> tuple[set[UUID], float]:
        self._looked_at = time.monotonic()
        rows = execute("ledger/sql/list_due_tenants.sql", using=self.using, batch=TENANTS_PER_ROUND)
        due = {row[0] for row in rows if row[0] is not None}
        return due, next((row[1] for row in rows if row[0] is None and row[1] is not None), POLL_SECONDS)

    def _work(self, tenant_id: UUID) -> bool:
        """One tenant's transaction; another tenant's trouble is not ours. True: go on at once."""
        try:
            if not self.leases.take(tenant_id):
                return False
            done = work_for(
                tenant_id=tenant_id,
                leases=self.leases,
                executor=self.executor,
                handlers=self.handlers,
                tell_rest=self._may_tell_rest(tenant_id),
                using=self.using,
            )
        except LeaseLost:
            log.info("scheduler.lease_lost", tenant=str(tenant_id))
            return False
        except (OperationalError, InterfaceError) as error:
            if is_collision(error):
                log.info("scheduler.collision", tenant=str(tenant_id), error=str(error).strip())
                return True  # met another transaction: all rolled back, once more
            raise  # the database went away: the service reconnects and starts over
        except Exception:
            self.leases.forget(tenant_id)
            # Its work stays; without a pause one tenant's trouble would take the whole process.
            self._resting[tenant_id] = time.monotonic() + REST_SECONDS
            log.exception("scheduler.round_failed", tenant=str(tenant_id))
            return False
        self._resting.pop(tenant_id, None)
        for run in done.runs_over:
            log.info(
                "run.finished", tenant=str(tenant_id), dag_id=run.dag_id, run_id=run.run_id, state=run.state
            )
        return done.more
