"""One act of one service in a process of its own, to be frozen, killed and raced. `python -m tests.support.child`.

Arguments: the act, then one JSON object. It says JSON lines; at a `pause` it waits for a line on its input.
The database is the session's (AERODROME_* of the environment).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any
from uuid import UUID

import django


def say(**fields: Any) -> None:
    print(json.dumps(fields), flush=True)


def pause(at: str) -> None:
    say(at=at)
    sys.stdin.readline()


def scheduler_round(*, tenant: str, lease_seconds: float = 5.0, pause_at: str = "", **_: Any) -> None:
    """One round of one tenant. `pause_at`: `taken` (the lease is held), `inside` (its transaction is open)."""
    from api.agent.wiring import ITEM_HANDLERS
    from controlplane.executors.local import LocalExecutor
    from controlplane.scheduler.lease import LeaseLost, Leases
    from controlplane.scheduler.work import work_for

    class Paused(LocalExecutor):
        def wake(self, *, using: str) -> None:
            if pause_at == "inside":
                pause("inside")
            super().wake(using=using)

    leases = Leases(seconds=lease_seconds)
    if not leases.take(UUID(tenant)):
        say(result="not taken")
        return
    if pause_at == "taken":
        pause("taken")
    try:
        done = work_for(tenant_id=UUID(tenant), leases=leases, executor=Paused(), handlers=ITEM_HANDLERS)
    except LeaseLost:
        say(result="lease lost")
    except Exception as error:
        say(result=type(error).__name__)
    else:
        say(result="done", dispatched=done.dispatched)


def scheduler_loop(*, seconds: float, **_: Any) -> None:
    """The real loop, until told to stop or `seconds` are over."""
    from api.agent.wiring import ITEM_HANDLERS
    from controlplane.executors.local import LocalExecutor
    from controlplane.scheduler.loop import SchedulerLoop

    loop = SchedulerLoop(executor=LocalExecutor(), handlers=ITEM_HANDLERS)
    loop.leases.seconds = 0.3
    say(at="ready")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(loop.run_once(set()), 0.01))
        for tenant in list(loop.leases._held):
            loop.leases.forget(tenant)  # ask the database at every round: the tenant changes hands often
    say(result="done")


def claim(*, agent: str, epoch: int, slots: int = 100, **_: Any) -> None:
    from api.agent import work
    from taskwire.agent import Claim

    answer = work.claim(Claim(agent_id=agent, epoch=epoch, slots=slots))
    say(result="done", claimed=len(answer.workloads))


def report(*, agent: str, epoch: int, reports: list[dict[str, Any]], **_: Any) -> None:
    import msgspec

    from api.agent import wiring, work
    from taskwire.agent import Report, ReportBatch

    wiring.connect()
    batch = ReportBatch(agent_id=agent, epoch=epoch, reports=msgspec.convert(reports, list[Report]))
    say(result="done", verdicts=[verdict.verdict for verdict in work.report_batch(batch).verdicts])


def rescue(**_: Any) -> None:
    from api.agent.wiring import GIVE_UP
    from controlplane.foundation.clock import utc_now
    from controlplane.maintenance.rescue import rescue_lost

    say(result="done", moved=rescue_lost(now=utc_now(), give_up=GIVE_UP))


def trigger(*, tenant: str, dag_id: str, run_id: str, **_: Any) -> None:
    from controlplane.foundation.clock import utc_now
    from controlplane.runs.trigger import trigger_run
    from tenants.scope import tenant_scope

    with tenant_scope(UUID(tenant)):
        trigger_run(
            dag_id=dag_id,
            run_id=run_id,
            logical_date=None,
            run_after=None,
            conf=None,
            note=None,
            triggered_by="test",
            user=None,
            now=utc_now(),
        )
    say(result="done")


def publish(*, tenant: str, files: dict[str, str], **_: Any) -> None:
    from controlplane.bundles.publish import publish as publish_files
    from controlplane.foundation.clock import utc_now
    from tenants.scope import tenant_scope

    with tenant_scope(UUID(tenant)):
        publish_files(
            files={path: text.encode() for path, text in files.items()},
            source="upload",
            commit_sha=None,
            branch=None,
            message="",
            pushed_by="somebody",
            now=utc_now(),
        )
    say(result="done")


ACTS = {
    act.__name__: act for act in (scheduler_round, scheduler_loop, claim, report, rescue, trigger, publish)
}

if __name__ == "__main__":
    django.setup()
    ACTS[sys.argv[1]](**json.loads(sys.argv[2]))
