"""Asset watchers on a whole stack: an event outside runs the DAG that waits for it once, also when the agent dies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.stack import Stack
from tests.support.stack_tenant import Run, StackTenant

FILES = {
    "plugins/letterbox.py": """
        import asyncio

        from airflow.triggers.base import BaseEventTrigger, TriggerEvent


        class Letterbox(BaseEventTrigger):
            def __init__(self, variable):
                super().__init__()
                self.variable = variable

            def serialize(self):
                return "letterbox.Letterbox", {"variable": self.variable}

            async def run(self):
                from airflow.sdk import Variable
                from asgiref.sync import sync_to_async

                get, put = sync_to_async(Variable.get), sync_to_async(Variable.set)
                while True:
                    sent, taken = await get(self.variable, "0"), await get("taken", "0")
                    if sent == "bad":
                        raise ValueError("the letterbox is broken")
                    if int(sent) > int(taken):
                        await put("taken", sent)
                        yield TriggerEvent({"letter": int(sent)})
                        return
                    await asyncio.sleep(0.3)
    """,
    "dags/letters.py": """
        from airflow.providers.standard.triggers.file import FileDeleteTrigger
        from airflow.sdk import DAG, Asset, AssetWatcher, task

        from letterbox import Letterbox

        letters = Asset("letters", watchers=[AssetWatcher(name="letterbox", trigger=Letterbox("sent"))])
        files = Asset(
            "files", watchers=[AssetWatcher(name="files", trigger=FileDeleteTrigger("/nowhere/at/all", 0.5))]
        )

        with DAG("reads", schedule=[letters]):

            @task
            def read(triggering_asset_events):
                return [event.extra for events in triggering_asset_events.values() for event in events]

            read()

        with DAG("files", schedule=[files]):

            @task
            def never():
                pass

            never()
    """,
}


@pytest.fixture(scope="module")
def tenant(_shared_stack: Stack) -> StackTenant:
    made = _shared_stack.sign_up()
    for key in ("sent", "taken"):
        made.call("POST", "/variables", {"key": key, "value": "0"})
    made.deploy(FILES, "reads", "files")
    return made


def _send(tenant: StackTenant, number: object) -> None:
    tenant.call("PATCH", "/variables/sent", {"key": "sent", "value": str(number)})


def _letters(tenant: StackTenant) -> list[Any]:
    events = tenant.call("GET", "/assets/events?order_by=id")["asset_events"]
    return [event["extra"]["payload"]["letter"] for event in events]


def _read(tenant: StackTenant, count: int) -> list[Any]:
    """What each run read, once there are `count` and they are over."""

    def found() -> list[Run] | None:
        rows = tenant.call("GET", "/dags/reads/dagRuns?order_by=run_after")["dag_runs"]
        return [Run("reads", row["dag_run_id"]) for row in rows] if len(rows) >= count else None

    runs = tenant.stack.until(found, f"{count} runs")
    assert set(tenant.until_over(*runs)) == {"success"}
    return [tenant.xcom(run, "read") for run in runs]


def _told(letter: int) -> list[Any]:
    return [{"from_trigger": True, "payload": {"letter": letter}}]


def _watchers(tenant: StackTenant) -> int:
    return len(tenant.rows("SELECT id FROM trigger WHERE watcher_id IS NOT NULL"))


def test_each_event_runs_the_dag_once_and_strangers_not_at_all(tenant: StackTenant, stack: Stack) -> None:
    stranger = stack.sign_up()
    stranger.call("POST", "/variables", {"key": "sent", "value": "0"})
    stranger.deploy(FILES, "reads", "files")
    stack.until(lambda: _watchers(tenant) == 2, "both watchers to be wanted")
    _send(tenant, 1)
    assert _read(tenant, 1) == [_told(1)]
    # It ended after its event, and begins again for the next.
    _send(tenant, 2)
    assert _read(tenant, 2) == [_told(1), _told(2)]
    assert _letters(tenant) == [1, 2]
    assert _letters(stranger) == []
    assert stranger.call("GET", "/dags/reads/dagRuns")["dag_runs"] == []


def test_a_killed_agent_loses_and_doubles_nothing(tenant: StackTenant, stack: Stack) -> None:
    before = _letters(tenant)
    stack.kill("agent")
    letter = len(before) + 1
    _send(tenant, letter)
    assert _read(tenant, letter)[-1] == _told(letter)
    # The next one comes after all that the dead agent may have left behind.
    _send(tenant, letter + 1)
    assert _read(tenant, letter + 1)[-1] == _told(letter + 1)
    assert _letters(tenant) == [*before, letter, letter + 1]


def test_one_that_fails_says_so_in_the_event_log_and_goes_on_when_it_can(
    tenant: StackTenant, stack: Stack
) -> None:
    before = _letters(tenant)
    _send(tenant, "bad")

    def told() -> Any:
        return tenant.call("GET", "/eventLogs?event=asset_watcher_failed")["event_logs"]

    [entry] = stack.until(told, "the failure to be told")
    assert "the letterbox is broken" in entry["extra"]
    letter = len(before) + 1
    _send(tenant, letter)
    assert _read(tenant, letter)[-1] == _told(letter)


def test_a_paused_dag_and_one_that_is_gone_watch_nothing(tenant: StackTenant, stack: Stack) -> None:
    before = _letters(tenant)
    tenant.call("PATCH", "/dags/reads", {"is_paused": True})
    stack.until(lambda: _watchers(tenant) == 1, "the watcher to be dropped")
    letter = len(before) + 1
    _send(tenant, letter)
    tenant.push({"dags/letters.py": FILES["dags/letters.py"].replace("files", "papers")})
    tenant.until_listed("papers")
    assert _letters(tenant) == before
    tenant.call("PATCH", "/dags/reads", {"is_paused": False})
    assert _read(tenant, letter)[-1] == _told(letter)
    tenant.push({"dags/letters.py": "from airflow.sdk import DAG\n"})
    stack.until(lambda: _watchers(tenant) == 0, "no watcher to be wanted")
    assert tenant.rows("SELECT id FROM workload WHERE kind = 'trigger'") == []
