"""One deed, one row: what a member does through the portal leaves exactly one row, with who, before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from api.audit_trail import HEADER
from controlplane.bundles.publish import publish
from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.actors import Actor, Answer
from tests.support.audit_rows import audit_rows
from tests.support.factories import parsed_dag

AT = "/tenants/alpha"
DAILY = {"kind": "cron", "expression": "0 0 * * *", "summary": "", "description": ""}


class Desk:
    """Calls the portal as an Owner; each call's rows are looked at."""

    def __init__(self, tenant: Tenant, owner: Actor) -> None:
        self.tenant, self.owner, self.door = tenant, owner, owner.portal()

    def one(self, method: str, path: str, body: Any = None) -> tuple[Answer, dict[str, Any]]:
        """The answer, and the only row of it. A path that begins with a slash is Airflow's."""
        request_id = uuid4().hex
        door, path = (self.owner.v2(), path) if path.startswith("/") else (self.door, f"{AT}/{path}")
        answer = door.call(method, path, body, **{HEADER: request_id})
        assert answer.status < 300, answer.body
        rows = audit_rows(self.tenant, request_id=request_id)
        assert len(rows) == 1, [(row["action"], row["target"]) for row in rows]
        assert (rows[0]["actor_kind"], rows[0]["actor"]) == ("person", self.owner.user.username)
        assert rows[0]["outcome"] == "done"
        return answer, rows[0]


@pytest.fixture
def desk(tenant: Tenant, actor: Callable[[str], Actor]) -> Desk:
    return Desk(tenant, actor("Owner"))


def test_a_token_from_its_making_to_its_end(desk: Desk) -> None:
    body = {"name": "ci", "kind": "api", "role": "Viewer", "lifetime_days": 30}
    made, row = desk.one("POST", "tokens", body)
    assert row["before"] is None and row["after"]["name"] == "ci"
    assert made["token"] not in str(row)
    rotated, row = desk.one("POST", f"tokens/{made['id']}/rotate", {"overlap_hours": 1})
    assert row["before"] is not None or row["after"] is not None
    assert rotated["token"] not in str(row)
    _, row = desk.one("DELETE", f"tokens/{rotated['id']}")
    assert row["after"] is not None or row["before"] is not None


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        (
            "alert-rules",
            {"name": "r", "kind": "run_failed"},
            {"name": "r", "kind": "run_failed", "is_enabled": False},
        ),
        (
            "alert-channels",
            {"name": "c", "kind": "email", "config": {"to": ["ada@example.com"]}, "secret": {}},
            {"name": "d", "kind": "email", "config": {"to": ["ada@example.com"]}},
        ),
        (
            "report-schedules",
            {"name": "week", "period": "weekly"},
            {"name": "week", "period": "monthly"},
        ),
    ],
)
def test_what_is_made_changed_and_deleted(desk: Desk, path: str, body: Any, change: Any) -> None:
    made, row = desk.one("POST", path, body)
    assert row["before"] is None and row["after"]["name"] == body["name"]
    _, row = desk.one("PUT", f"{path}/{made['id']}", change)
    assert row["before"] != row["after"]
    _, row = desk.one("DELETE", f"{path}/{made['id']}")
    assert row["before"]["name"] == change["name"] and row["after"] is None


def test_a_budget(desk: Desk) -> None:
    _, row = desk.one("PUT", "budgets", {"amount_micros": 100})
    assert row["before"] is None and row["after"]["amount_micros"] == 100
    made, row = desk.one("PUT", "budgets", {"amount_micros": 200})
    assert (row["before"]["amount_micros"], row["after"]["amount_micros"]) == (100, 200)
    _, row = desk.one("DELETE", f"budgets/{made['id']}")
    assert row["before"]["amount_micros"] == 200 and row["after"] is None


def test_a_backfill(desk: Desk) -> None:
    parsed_dag(desk.tenant, specs.dag("daily", [specs.task("only")], timetable=DAILY))
    span = {"from_date": "2026-01-01T00:00:00Z", "to_date": "2026-01-03T00:00:00Z"}
    made, row = desk.one("POST", "/backfills", {"dag_id": "daily", **span})
    assert row["before"] is None and row["after"]["dag_id"] == "daily"
    assert str(row["after"]["from_date"]).startswith("2026-01-01")
    _, row = desk.one("PATCH", f"backfills/{made['id']}", {"max_active_runs": 3})
    assert (row["before"]["max_active_runs"], row["after"]["max_active_runs"]) == (10, 3)
    _, row = desk.one("PUT", f"/backfills/{made['id']}/cancel")
    assert row["before"]["completed_at"] is None and row["after"]["completed_at"] is not None


def test_bundles_and_their_runtimes_say_what_was_before(tenant: Tenant) -> None:
    """Pushes and uploads come to the same service."""

    def push(files: dict[str, bytes]) -> None:
        with tenant_scope(tenant.id):
            publish(
                files=files,
                source="upload",
                commit_sha=None,
                branch=None,
                message="",
                pushed_by="ada",
                now=utc_now(),
            )

    push({"dags/a.py": b"1", "requirements.txt": b"attrs==25.3.0"})
    push({"dags/a.py": b"2", "requirements.txt": b"attrs==25.3.0"})
    push({"dags/a.py": b"2", "requirements.txt": b"attrs==25.3.0"})
    first, second = audit_rows(tenant, action="bundle.published")
    assert first["before"] is None
    assert second["before"] == first["after"]
    assert second["after"]["digest"] != first["after"]["digest"]
    assert second["detail"]["changed"]
    [asked] = audit_rows(tenant, action="runtime.asked")
    assert (asked["before"], asked["after"]["requirements"]) == (None, "attrs==25.3.0")
