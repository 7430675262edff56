"""Runs a corpus on a stack of ours and observes it, exactly as `ask_airflow` does with Airflow."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from benchmarks.peers.rest import ApiRefused, Rest
from tests.compat.corpora import LOGICAL_DATE, Corpus
from tests.compat.observing import observe
from tests.support.stack_tenant import StackTenant

AT_ONCE = 32
POLL_SECONDS = 0.1
OVER = ("success", "failed")


@dataclass
class Observed:
    """DAG id -> observation of its run; `left` are those that were not over in time, with their reasons."""

    runs: dict[str, Any] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)


def run_here(tenant: StackTenant, corpus: Corpus, dag_ids: list[str], *, seconds: float) -> Observed:
    """Push the files, run these DAGs, and tell how each ended."""
    for name, slots in corpus.pools.items():
        tenant.call("POST", "/pools", {"name": name, "slots": slots})
    done = tenant.push({f"dags/{name}": text for name, text in corpus.files.items()})
    assert done.status == 0, done.said
    with closing(
        Rest(base_url=f"{tenant.stack.base_url}/t/{tenant.slug}", token=str(tenant.door.token))
    ) as rest:

        def listed() -> bool:
            return all(rest.find_dag(dag_id) is not None for dag_id in dag_ids)

        tenant.stack.until(listed, f"{len(dag_ids)} DAGs of {corpus.name} to be listed", seconds=120)
        return _run_all(rest, corpus, dag_ids, time.monotonic() + seconds)


def _run_all(rest: Rest, corpus: Corpus, dag_ids: list[str], deadline: float) -> Observed:
    found = Observed()
    waiting, active = list(dag_ids), dict[str, str]()
    while waiting or active:
        while waiting and len(active) < AT_ONCE:
            dag_id = waiting.pop(0)
            active[dag_id] = _trigger(rest, dag_id, corpus.asks.get(dag_id, {}))
        for dag_id, run_id in list(active.items()):
            path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"
            if rest.call("GET", path)["state"] in OVER:
                found.runs[dag_id] = observe(rest, dag_id, active.pop(dag_id))
        if time.monotonic() > deadline:
            for dag_id, run_id in active.items():
                rows = rest.task_instances(dag_id, run_id)
                found.left[dag_id] = {row["task_id"]: (row["state"], row["note"]) for row in rows}
            return found
        time.sleep(POLL_SECONDS)
    return found


def _trigger(rest: Rest, dag_id: str, conf: dict[str, Any]) -> str:
    with suppress(ApiRefused):
        rest.unpause(dag_id)
    body = {"dag_run_id": f"asked__{dag_id}", "logical_date": LOGICAL_DATE, "conf": conf}
    return str(rest.call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])
