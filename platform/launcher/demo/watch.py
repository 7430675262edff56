"""Waits for what was pushed and triggered, and shows it while it happens."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from launcher.demo.http import DemoRefused, Door
from launcher.demo.tenant import DemoTenant

_OVER = frozenset({"success", "failed"})
_PAUSE_SECONDS = 0.25


@dataclass
class Watched:
    """One run of one DAG."""

    dag_id: str
    run_id: str
    state: str = "queued"
    duration_seconds: float | None = None
    tasks: dict[str, Any] = field(default_factory=dict)
    """task id -> state, or the states in the order of map_index."""

    @property
    def by_state(self) -> Counter[str]:
        states: Counter[str] = Counter()
        for one in self.tasks.values():
            states.update(one if isinstance(one, list) else [one])
        return states


def wait_for_dags(
    *, door: Door, tenant: DemoTenant, wanted: set[str], tell: Callable[[str], None], seconds: float
) -> None:
    """Until every wanted DAG is listed; says how the runtime and the parsing come along."""
    deadline = time.monotonic() + seconds
    said = ""
    while True:
        page = door.call("GET", f"{tenant.api_path}/dags?limit=100")
        missing = wanted - {dag["dag_id"] for dag in page["dags"]}
        if not missing:
            return
        news = _bundle_news(tenant)
        if news.startswith("failed"):
            raise DemoRefused(f"the bundle was not accepted: {news}")
        if news != said:
            tell(news)
            said = news
        if time.monotonic() > deadline:
            raise DemoRefused(
                f"these DAGs did not appear within {seconds:.0f} s: {', '.join(sorted(missing))}"
            )
        time.sleep(_PAUSE_SECONDS)


def _bundle_news(tenant: DemoTenant) -> str:
    bundles = tenant.portal.call("GET", f"/api/portal/v1/tenants/{tenant.slug}/bundles")["bundles"]
    if not bundles:
        return "waiting for the push"
    newest = bundles[0]
    if newest["state"] == "failed":
        errors = "; ".join(error["message"] for error in newest["summary"].get("errors", []))
        return f"failed: {errors or 'no reason given'}"
    if newest["state"] == "received":
        runtimes = tenant.portal.call("GET", f"/api/portal/v1/tenants/{tenant.slug}/runtimes")["runtimes"]
        if runtimes and runtimes[0]["state"] != "ready":
            return (
                f"runtime {runtimes[0]['state']}: a virtual environment with Airflow {runtimes[0]['airflow']}"
            )
    return f"bundle {newest['state']}"


def trigger(*, door: Door, tenant: DemoTenant, dag_ids: list[str]) -> list[Watched]:
    """One manual run of each, with a logical date as Airflow's own trigger form sends one (for `ds` and its like)."""
    out = []
    moment = datetime.now(tz=UTC).isoformat()
    for dag_id in dag_ids:
        made = door.call("POST", f"{tenant.api_path}/dags/{quote(dag_id)}/dagRuns", {"logical_date": moment})
        out.append(Watched(dag_id=dag_id, run_id=made["dag_run_id"]))
    return out


def watch(
    *,
    door: Door,
    tenant: DemoTenant,
    runs: list[Watched],
    show: Callable[[list[Watched]], None],
    seconds: float,
) -> None:
    """Until every run is over or the time is. `show` is called after each look."""
    deadline = time.monotonic() + seconds
    while True:
        for run in runs:
            if run.state not in _OVER:
                _look(door, tenant, run)
        show(runs)
        if all(run.state in _OVER for run in runs) or time.monotonic() > deadline:
            return
        time.sleep(_PAUSE_SECONDS)


def _look(door: Door, tenant: DemoTenant, run: Watched) -> None:
    path = f"{tenant.api_path}/dags/{quote(run.dag_id)}/dagRuns/{quote(run.run_id)}"
    # The run first: when it is over, the tasks read after it are final.
    seen = door.call("GET", path)
    rows = door.call("GET", f"{path}/taskInstances?limit=100&order_by=map_index")["task_instances"]
    tasks: dict[str, Any] = {}
    for row in rows:
        state = row["state"] or "none"
        if row["map_index"] >= 0:
            tasks.setdefault(row["task_id"], []).append(state)
        else:
            tasks[row["task_id"]] = state
    run.tasks, run.state, run.duration_seconds = tasks, seen["state"], seen["duration"]
