"""Airflow's own Task SDK client, unmodified, about assets: what it emits, asks and keeps."""

from __future__ import annotations

import os

import pytest

from controlplane.ledger.models.dag import Dag
from tenants.models.tenant import Tenant
from tests.compat.test_task_sdk_client import NOW, Caller, call  # noqa: F401  the fixture
from tests.support import specs
from tests.support.assets import asset, consumer, event_of, outlets_of, runs_of
from tests.support.attempts import Try, running_try
from tests.support.factories import make_tenant, parsed_dag
from tests.support.walk import walk_for

pytestmark = pytest.mark.skipif(
    "AERODROME_TEST_RUNTIME" not in os.environ, reason="no runtime with Airflow is named"
)
A = asset("a", extra={"team": "x"})


def _maker(tenant: Tenant) -> Dag:
    return parsed_dag(tenant, specs.dag("maker", [specs.task("first", outlets=[A])]))


@pytest.fixture
def maker(tenant: Tenant) -> Try:
    return running_try(tenant, _maker(tenant), run_id="r1")


def test_an_event_is_emitted_once_and_read(call: Caller, tenant: Tenant, maker: Try) -> None:  # noqa: F811
    consumer(tenant, "taker", A)
    me = {"uuid": str(maker.id)}
    assert call(maker, "task_instances.validate_inlets_and_outlets", me)["result"]["inactive_assets"] == []
    ended = (me, NOW, outlets_of(A), [event_of(A, extra={"rows": 5})], None)
    assert "result" in call(maker, "task_instances.succeed", *ended)
    assert "result" in call(maker, "task_instances.succeed", *ended)
    walk_for(tenant).schedule()
    (run,) = runs_of(tenant, "taker")
    reader = running_try(tenant)
    told = call(reader, "asset_events.get", name="a", uri=None)["result"]
    (event,) = told["asset_events"]
    assert (event["extra"], event["source_run_id"], event["asset"]["extra"]) == (
        {"rows": 5},
        "r1",
        {"team": "x"},
    )
    assert [one["run_id"] for one in event["created_dagruns"]] == [run.run_id]


def test_assets_and_what_is_kept_with_them(call: Caller, maker: Try) -> None:  # noqa: F811
    assert call(maker, "assets.get", name="a")["result"]["uri"] == "s3://a"
    assert call(maker, "assets.get", uri="s3://a")["result"]["name"] == "a"
    assert call(maker, "assets.get", name="none")["result"]["type"] == "ErrorResponse"
    assert call(maker, "assets.get_by_alias", "latest")["result"]["assets"] == []
    assert call(maker, "asset_state_store.get", "k", name="a")["result"]["type"] == "ErrorResponse"
    assert call(maker, "asset_state_store.set", "k", {"n": 1}, name="a")["result"]["ok"]
    assert call(maker, "asset_state_store.get", "k", uri="s3://a")["result"]["value"] == {"n": 1}
    assert call(maker, "asset_state_store.clear", name="a")["result"]["ok"]
    assert call(maker, "asset_state_store.get", "k", name="a")["result"]["type"] == "ErrorResponse"


def test_a_stranger_finds_none_of_it(call: Caller, maker: Try) -> None:  # noqa: F811
    stranger = running_try(make_tenant())
    assert call(maker, "asset_state_store.set", "k", 1, name="a")["result"]["ok"]
    assert call(stranger, "assets.get", name="a")["result"]["type"] == "ErrorResponse"
    assert call(stranger, "asset_state_store.get", "k", name="a")["result"]["type"] == "ErrorResponse"
    assert call(stranger, "asset_events.get", name="a")["result"]["asset_events"] == []
