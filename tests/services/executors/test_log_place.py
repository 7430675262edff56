"""Where an attempt starts to write its log: behind what the same try wrote before, at 0 otherwise."""

from __future__ import annotations

from uuid import uuid4

import pytest

from controlplane.execution import logs
from controlplane.foundation.clock import utc_now
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _claimed(walk: Walk) -> Workload:
    walk.schedule()
    (work,) = walk.claim()
    return work


def test_a_rescheduled_attempt_writes_behind_the_first_and_a_retry_into_a_log_of_its_own(
    tenant: Tenant,
) -> None:
    sensor = specs.task("sensor", retries=1, retry_delay_seconds=0.0)
    parsed_dag(tenant, specs.dag("waits", [sensor]))
    walk = walk_for(tenant)
    walk.trigger("waits")
    first = _claimed(walk)
    assert first.task is not None
    assert first.task.log_offset == 0
    logs.append(key=first.task.log_key, offset=0, data=b"looked once\n")
    walk.say(first, "up_for_reschedule", reschedule_date=utc_now().isoformat())
    second = _claimed(walk)
    assert second.task is not None
    assert (second.task.log_key, second.task.log_offset) == (first.task.log_key, len(b"looked once\n"))
    walk.say(second, "up_for_retry")
    third = _claimed(walk)
    assert third.task is not None
    assert third.task.log_key != first.task.log_key
    assert third.task.log_offset == 0


def test_a_callbacks_log_is_storable_and_no_tasks() -> None:
    names = {"tenant_id": uuid4(), "dag_id": "d", "run_id": "manual__2026-01-01T00:00:00+00:00"}
    callback = uuid4()
    key = logs.callback_log_key(**names, callback_id=callback, claim=2)
    assert logs.append(key=key, offset=0, data=b"x\n") == 2
    like_it = logs.log_key(**names, task_id=f"~callback~{callback}", map_index=-1, try_number=2)
    assert like_it != key, "no task can be called so that its log is this one"
