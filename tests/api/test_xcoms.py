"""GET …/xcomEntries and …/xcomEntries/{xcom_key}."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.xcom import XCom
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.actors import Actor
from tests.support.factories import created_run, parsed_dag
from tests.support.specs import chain

PATH = "/dags/beta/dagRuns/r1/taskInstances/task_0/xcomEntries"


@pytest.fixture(autouse=True)
def entries(tenant: Tenant) -> None:
    run = created_run(tenant, parsed_dag(tenant, chain("beta", 2)), run_id="r1")
    values: list[tuple[str, str, Any]] = [
        ("task_0", "return_value", {"rows": [1, 2]}),
        ("task_0", "a/b", "text"),
        ("task_1", "return_value", None),
    ]
    with tenant_scope(tenant.id):
        for task_id, key, value in values:
            XCom(
                tenant=tenant,
                dag_run=run,
                dag_id="beta",
                run_id="r1",
                task_id=task_id,
                key=key,
                value=value,
                timestamp=utc_now(),
            ).save(force_insert=True)


def test_lists_have_no_values(viewer: Actor) -> None:
    answer = viewer.v2().get(PATH)
    assert [entry["key"] for entry in answer["xcom_entries"]] == ["a/b", "return_value"]
    assert "value" not in answer["xcom_entries"][0]
    everywhere = viewer.v2().get("/dags/~/dagRuns/~/taskInstances/~/xcomEntries")
    assert everywhere["total_entries"] == 3


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ({"xcom_key": "a/b"}, 1),
        ({"xcom_key_pattern": "RETURN"}, 1),
        ({"map_index": "0"}, 0),
        ({"map_index_filter": "-1"}, 2),
        ({"run_id_pattern": "none"}, 0),
    ],
)
def test_filters(viewer: Actor, query: dict[str, str], total: int) -> None:
    assert viewer.v2().get(PATH, query)["total_entries"] == total


def test_one_value(viewer: Actor) -> None:
    assert viewer.v2().get(f"{PATH}/return_value")["value"] == {"rows": [1, 2]}
    assert viewer.v2().get(f"{PATH}/return_value", {"stringify": "true"})["value"] == "{'rows': [1, 2]}"
    assert viewer.v2().get(f"{PATH}/a/b")["value"] == "text"
    assert viewer.v2().get(f"{PATH}/none").status == 404
    assert viewer.v2().get(f"{PATH}/return_value", {"map_index": "-2"}).status == 422


ORDER = "shop.Order@version=2(id=7, name='a')"
AIRFLOWS = {"__classname__": "airflow.sdk.Asset", "__version__": 1, "__data__": {}}
SERIALISED = {"__classname__": "shop.Order", "__version__": 2, "__data__": {"id": 7, "name": "a"}}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"rows": [1, 2], "none": None}, {"rows": [1, 2], "none": None}),
        ("text", "text"),
        ('{"a": [1, true]}', {"a": [1, True]}),
        ("NaN", "NaN"),
        (SERIALISED, ORDER),
        ([SERIALISED, {"in": SERIALISED}], [ORDER, {"in": ORDER}]),
        ({"__classname__": "builtins.tuple", "__version__": 1, "__data__": [1, SERIALISED]}, f"(1,{ORDER})"),
        ({"__classname__": "builtins.set", "__version__": 1, "__data__": 5}, "builtins.set@version=1(5)"),
        ({**SERIALISED, "__classname__": f"unusual_prefix_{'a' * 40}_dags.X", "__data__": [1, "b"]}, "dags.X@version=2(1,b)"),
        ({"__classname__": "shop.Nothing", "__version__": 1, "__data__": None}, "shop.Nothing@version=1()"),
        ({"__type": "dict", "__var": {"a": SERIALISED}}, {"a": ORDER}),
        ({"__type": "shop.Old", "__var": {"a": 1.5}}, "shop.Old@version=0(a=1.5)"),
        (AIRFLOWS, AIRFLOWS),
        ({"__classname__": 5, "__version__": 1}, {"__classname__": 5, "__version__": 1}),
        ({"__type": "dict", "__var": 1}, {"__type": "dict", "__var": 1}),
    ],
)  # fmt: skip
def test_a_value_for_people(tenant: Tenant, viewer: Actor, value: Any, told: Any) -> None:
    """`deserialize` writes serialised objects out as Airflow's server does; nothing is made an object again."""
    with tenant_scope(tenant.id):
        XCom.objects.filter(key="return_value").update(value=value)
    asked = viewer.v2().get(f"{PATH}/return_value", {"deserialize": "true"})
    assert asked["value"] == told
    assert viewer.v2().get(f"{PATH}/return_value", {"deserialize": "false"})["value"] == value
    both = viewer.v2().get(f"{PATH}/return_value", {"deserialize": "true", "stringify": "true"})
    assert both["value"] == str(asked["value"])
    assert viewer.v2().get(f"{PATH}/return_value", {"deserialize": "perhaps"}).status == 422


def test_a_stranger_reads_none(tenant: Tenant, stranger: Actor) -> None:
    for path in (PATH, f"{PATH}/return_value"):
        assert stranger.v2(at=tenant).get(path).body == {"detail": "Not Found"}
    assert stranger.v2().get("/dags/~/dagRuns/~/taskInstances/~/xcomEntries")["total_entries"] == 0
    assert stranger.v2().get(f"{PATH}/return_value").status == 404
