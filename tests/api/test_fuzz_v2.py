"""Generated requests from Airflow's own description of the public API: no 5xx, and nothing that it does not tell."""

from __future__ import annotations

import copy
import os
from functools import cache
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.runs import await_run
from tenants.access_tokens import issue_access_token
from tenants.models.tenant import Tenant
from tests.support import airflow_schema, fuzz
from tests.support.actors import Actor
from tests.support.assets import asset
from tests.support.factories import created_run, parsed_dag, put_states
from tests.support.specs import dag, task

pytestmark = pytest.mark.skipif(
    "AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named"
)
ALSO = {
    "400": "an order, a cursor or a token that is none",
    "401": "nobody is signed in",
    "403": "the role does not allow it",
    "404": "nothing is there",
    "422": "a mistake",
}
"""What every operation may answer; Airflow's description leaves out some of them."""
ODD = {
    ("delete", "/api/v2/dags/{dag_id}"): ("204",),
    ("get", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait"): ("429",),
}
"""What is answered, though it is not described: by Airflow too, or (429) where a place must be waited for."""


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is never over: whoever waits for it hears its state twice."""
    monkeypatch.setattr(await_run, "MOST_SECONDS", 0.0)


@cache
def document(slug: str) -> dict[str, Any]:
    """Airflow's description with the tenant's path in front, and what all operations may answer filled in."""
    made = copy.deepcopy(airflow_schema.airflow())
    for path, methods in made["paths"].items():
        for method, told in methods.items():
            if method not in fuzz.METHODS:
                continue
            for status in (*ALSO, *ODD.get((method, path), ())):
                told["responses"].setdefault(status, {"description": ALSO.get(status, ""), "content": {}})
            # Airflow describes its own list of mistakes; texts are answered as well, by Airflow too.
            told["responses"]["422"] = {"description": "", "content": {"application/json": {"schema": {}}}}
            for status in ("307", "400", "409"):
                if status in told["responses"]:
                    told["responses"][status] = {"description": "", "content": {}}
    made["paths"] = {f"/t/{slug}{path}": told for path, told in made["paths"].items()}
    return made


def _wrong(tenant: Tenant, member: Actor, *, reads: bool, examples: int) -> list[str]:
    spec = dag(
        "etl",
        [task("a", "b", outlets=[asset("orders")]), task("b", group_id="g")],
        groups=[{"group_id": "g"}],
    )
    run = created_run(tenant, parsed_dag(tenant, spec), run_id="r1")
    put_states(tenant, run, a="success")
    known = {
        "dag_id": ["etl", "etl", "none"],
        "dag_run_id": ["r1", "r1", "none"],
        "task_id": ["a", "a", "none"],
        "asset_id": [1, 2],
        "map_index": [-1, 0],
        "group_id": ["g"],
        "pool_name": ["default_pool", "none"],
    }
    token = issue_access_token(
        user_id=member.user.id,
        username=member.user.username,
        tenant_id=tenant.id,
        role="Admin",
        now=utc_now(),
    )
    described = fuzz.narrowed_to(document(tenant.slug), known)
    wanted = [each for each in fuzz.operations(described) if (each[0] == "GET") == reads]
    headers = {"Authorization": f"Bearer {token}"}
    return list(fuzz.mistakes(described, wanted, headers=headers, examples=examples))


def test_reads(tenant: Tenant, member: Actor) -> None:
    wrong = _wrong(tenant, member, reads=True, examples=3)
    assert not wrong, "\n".join(wrong)


def test_changes(tenant: Tenant, member: Actor) -> None:
    wrong = _wrong(tenant, member, reads=False, examples=3)
    assert not wrong, "\n".join(wrong)


@pytest.mark.heavy
@pytest.mark.parametrize("reads", [True, False])
def test_many(tenant: Tenant, member: Actor, reads: bool) -> None:
    wrong = _wrong(tenant, member, reads=reads, examples=60)
    assert not wrong, "\n".join(wrong)
