"""Assets end to end: real tasks of a real Airflow emit events, and others are run by them and read them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "dags/makers.py": """
        from airflow.sdk import Asset, AssetAlias, Metadata, dag, task

        RAW, CLEAN = Asset("raw", "s3://lake/raw", extra={"team": "lake"}), Asset("clean")
        LATEST = AssetAlias("latest")


        @dag(schedule=None)
        def make_raw():
            @task(outlets=[RAW])
            def load(params=None, *, outlet_events, asset_state_store):
                outlet_events[RAW].extra = {"rows": 5}
                asset_state_store[RAW].set("seen", 7)

            @task(outlets=[LATEST])
            def resolve(*, outlet_events):
                outlet_events[LATEST].add(Asset("today", "s3://lake/today"), extra={"day": 1})

            load() >> resolve()


        @dag(schedule=None)
        def make_clean():
            @task(outlets=[CLEAN])
            def each(n):
                yield Metadata(CLEAN, {"n": n})

            each.expand(n=[1, 2])


        make_raw()
        make_clean()
    """,
    "dags/takers.py": """
        from airflow.sdk import Asset, AssetAlias, dag, task

        RAW, CLEAN = Asset("raw", "s3://lake/raw"), Asset("clean")


        @dag(schedule=RAW & CLEAN)
        def take_both():
            @task(inlets=[RAW, CLEAN])
            def read(*, triggering_asset_events, inlet_events, asset_state_store):
                told = {
                    asset.name: [event.extra for event in events]
                    for asset, events in triggering_asset_events.items()
                }
                return {
                    "triggered": told,
                    "newest": inlet_events[CLEAN][-1].extra,
                    "team": inlet_events[RAW][-1].asset.extra,
                    "seen": asset_state_store[RAW].get("seen"),
                }

            read()


        @dag(schedule=AssetAlias("latest"))
        def take_latest():
            @task(inlets=[AssetAlias("latest")])
            def read(*, triggering_asset_events, inlet_events):
                return {
                    "triggered": sorted(getattr(key, "uri", key.name) for key in triggering_asset_events),
                    "read": [event.extra for event in inlet_events[AssetAlias("latest")]],
                }

            read()


        take_both()
        take_latest()
    """,
}
SAME = {
    "dags/same.py": """
        from airflow.sdk import Asset, dag, task


        @dag(schedule=None)
        def same_name():
            @task(outlets=[Asset("raw", "s3://elsewhere")])
            def never():
                raise RuntimeError("its asset is not active, so this does not run")

            never()


        same_name()
    """,
}


@pytest.fixture(scope="module")
def tenant(_shared_stack: Stack) -> StackTenant:
    made = _shared_stack.sign_up()
    made.deploy(FILES, "make_raw", "make_clean", "take_both", "take_latest")
    return made


@pytest.fixture(scope="module")
def taken(tenant: StackTenant) -> tuple[Run, Run]:
    """The runs that the events of both makers brought about."""
    assert tenant.until_over(tenant.trigger("make_raw")) == ["success"]
    assert tenant.until_over(tenant.trigger("make_clean")) == ["success"]
    runs = _run_of(tenant, "take_both"), _run_of(tenant, "take_latest")
    assert tenant.until_over(*runs) == ["success", "success"]
    return runs


def _run_of(tenant: StackTenant, dag_id: str) -> Run:
    def found() -> Run | None:
        rows = tenant.call("GET", f"/dags/{dag_id}/dagRuns?order_by=run_after")["dag_runs"]
        return Run(dag_id, rows[0]["dag_run_id"]) if rows else None

    run: Run = tenant.stack.until(found, f"a run of {dag_id}")
    return run


def test_a_dag_runs_when_both_assets_came_and_reads_their_events(
    tenant: StackTenant, taken: tuple[Run, Run]
) -> None:
    told: Any = tenant.xcom(taken[0], "read")
    assert told["triggered"]["raw"] == [{"rows": 5}]
    assert told["triggered"]["clean"][0] in ({"n": 1}, {"n": 2})
    assert told["newest"] in ({"n": 1}, {"n": 2})
    assert (told["team"], told["seen"]) == ({"team": "lake"}, 7)
    run = tenant.run(taken[0])
    assert (run["run_type"], run["logical_date"]) == ("asset_triggered", None)
    answer = tenant.call("GET", f"/dags/take_both/dagRuns/{run['dag_run_id']}/upstreamAssetEvents")
    assert {event["name"] for event in answer["asset_events"]} == {"raw", "clean"}


def test_an_alias_is_resolved_by_the_task(tenant: StackTenant, taken: tuple[Run, Run]) -> None:
    assert tenant.xcom(taken[1], "read") == {
        "triggered": ["latest", "s3://lake/today"],
        "read": [{"day": 1}],
    }


def test_a_mapped_task_emits_per_index(tenant: StackTenant, taken: tuple[Run, Run]) -> None:
    events = tenant.call("GET", "/assets/events?source_dag_id=make_clean")["asset_events"]
    assert sorted((event["source_map_index"], event["extra"]["n"]) for event in events) == [(0, 1), (1, 2)]


def test_a_task_whose_asset_is_not_active_fails_and_says_why(tenant: StackTenant) -> None:
    tenant.deploy(SAME, "same_name")
    run = tenant.trigger("same_name")
    assert tenant.until_over(run) == ["failed"]
    assert "inactive" in tenant.until_logged("inactive", run, "never")
