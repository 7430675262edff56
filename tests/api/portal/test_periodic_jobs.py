"""Periodic work through the portal: operators see and change it, nobody else learns that it is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from controlplane.foundation import periodic
from controlplane.foundation.clock import utc_now
from controlplane.maintenance.periodic import beat, schedules, work
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tests.support.actors import Actor, Door
from tests.support.factories import make_person

AT = "/operators/periodic-jobs"
NAME = "test.quiet"


def _run(*, now: datetime, using: str) -> str:
    return "3 rows"


@pytest.fixture(autouse=True)
def job(database: None) -> Iterator[None]:
    periodic.register(name=NAME, what="Does nothing", run=_run, every_seconds=60)
    beat.store_schedules()
    yield
    periodic.forget(NAME)


@pytest.fixture
def operator(tenant: Tenant) -> Door:
    user = make_person("operator-of-jobs")
    User.objects.using("auth").filter(id=user.id).update(is_operator=True)
    return Actor(user=user, tenant=tenant, role="Owner").portal()


def test_a_job_is_shown_with_its_last_run(operator: Door) -> None:
    [one] = [job for job in operator.get(AT)["jobs"] if job["name"] == NAME]
    assert (one["name"], one["every_seconds"], one["is_enabled"], one["runs"]) == (NAME, 60, True, 0)
    work.run_job(name=NAME, now=utc_now())
    one = operator.get(f"{AT}/{NAME}")
    assert (one["outcome"], one["message"], one["runs"], one["is_running"]) == ("done", "3 rows", 1, False)


def test_its_interval_is_changed_and_it_is_switched_off(operator: Door) -> None:
    changed = operator.patch(f"{AT}/{NAME}", {"every_seconds": 5})
    assert (changed.status, changed["every_seconds"], changed["is_enabled"]) == (200, 5, True)
    changed = operator.patch(f"{AT}/{NAME}", {"is_enabled": False})
    assert (changed["every_seconds"], changed["is_enabled"]) == (5, False)


@pytest.mark.parametrize("body", [{"every_seconds": 0}, {"every_seconds": "often"}, {"is_enabled": 7}])
def test_a_wrong_change_names_its_field(operator: Door, body: dict[str, Any]) -> None:
    answer = operator.patch(f"{AT}/{NAME}", body)
    assert (answer.status, list(answer["errors"])) == (422, list(body))
    assert operator.get(f"{AT}/{NAME}")["every_seconds"] == 60


def test_a_run_is_asked_for(operator: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(schedules, "ask", lambda app, name: told.append(name))
    answer = operator.post(f"{AT}/{NAME}/run")
    assert (answer.status, told) == (202, [NAME])
    assert answer["asked_at"] is not None
    assert operator.post(f"{AT}/test.gone/run").status == 404


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", f"/{NAME}"), ("PATCH", f"/{NAME}"), ("POST", f"/{NAME}/run")]
)
def test_members_and_strangers_hear_of_nothing(
    member: Actor, stranger: Actor, method: str, path: str
) -> None:
    for actor in (member, stranger):
        assert actor.portal().call(method, AT + path, {}).status == 404
