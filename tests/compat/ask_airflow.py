"""Asks a real Airflow how the DAGs of a corpus end, and stores its answers. Not part of the tests.

    python -m tests.compat.ask_airflow random 0 560
    python -m tests.compat.ask_airflow examples

Airflow 3.3.2 runs as in the benchmarks, with a triggerer. Each DAG runs twice with the same logical date: what
differs between the two is not compared. A DAG that is not over in time is stored as unfinished, with its state.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import benchmarks.peers.airflow as peer
from benchmarks.peers.airflow import Airflow
from benchmarks.peers.rest import ApiRefused
from tests.compat.corpora import (
    LOGICAL_DATE,
    NOT_IMPORTED,
    Corpus,
    airflow_corpus,
    features_corpus,
    random_corpus,
    seeds_corpus,
)
from tests.compat.observing import agreed, observe

AT_ONCE = 24
SECONDS = 240.0
OVER = ("success", "failed")


@contextmanager
def airflow() -> Iterator[Airflow]:
    peer.COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
    with peer.open_airflow() as running:
        yield running


def corpus(words: list[str], airflow_home: Path) -> Corpus:
    """The corpus that the command line names; Airflow's own files are those of the Airflow that is asked."""
    if words[0] == "random":
        return random_corpus(first=int(words[1]), last=int(words[2]))
    if words[0] == "features":
        return features_corpus()
    if words[0] == "seeds":
        return seeds_corpus(respelled=True)
    return airflow_corpus(name=words[0], airflow=airflow_home)


def ask(running: Airflow, asked: Corpus) -> dict[str, Any]:
    """DAG id -> answer."""
    for name, text in asked.files.items():
        place = running.home / "dags" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    for name, slots in asked.pools.items():
        with suppress(ApiRefused):
            running.rest.call("POST", "/api/v2/pools", {"name": name, "slots": slots})
    dag_ids = list(asked.asks) or _until_parsed(running)
    deadline = time.monotonic() + peer.PUBLISH_SECONDS
    answers: dict[str, Any] = {}
    for dag_id in list(dag_ids):
        while running.rest.find_dag(dag_id) is None:
            if time.monotonic() > deadline:
                dag_ids.remove(dag_id)
                answers[dag_id] = {"unfinished": NOT_IMPORTED}
                break
            time.sleep(0.5)
    # What a random case does depends on nothing but itself: once is enough.
    rounds = [_round(running, dag_ids, asked) for _ in range(1 if asked.name == "random" else 2)]
    for dag_id in dag_ids:
        first, second = (one.get(dag_id, {"unfinished": "not run"}) for one in (rounds[0], rounds[-1]))
        answers[dag_id] = first if "unfinished" in first else agreed(first, second)
    return answers


def _until_parsed(running: Airflow) -> list[str]:
    """All DAGs, once their number has not changed for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 20:
        found = running.rest.call("GET", "/api/v2/dags?limit=100")["dags"]
        if len(found) != seen:
            seen, since = len(found), time.monotonic()
        time.sleep(1)
    return sorted(dag["dag_id"] for dag in found)


def _round(running: Airflow, dag_ids: list[str], asked: Corpus) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    waiting, active = list(dag_ids), dict[str, tuple[str, float]]()
    while waiting or active:
        while waiting and len(active) < AT_ONCE:
            dag_id = waiting.pop(0)
            with suppress(ApiRefused):
                active[dag_id] = (_trigger(running, dag_id, asked.asks.get(dag_id, {})), time.monotonic())
        for dag_id, (run_id, begun) in list(active.items()):
            path = f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"
            state = running.rest.call("GET", path)["state"]
            if state not in OVER and time.monotonic() - begun < SECONDS:
                continue
            answer = observe(running.rest, dag_id, run_id)
            answers[dag_id] = answer if state in OVER else {"unfinished": answer}
            del active[dag_id]
            if state not in OVER:
                with suppress(ApiRefused):  # what it left behind is not asked about
                    running.rest.call("PATCH", path, {"state": "failed"})
        print(f"\r  {len(answers)} of {len(dag_ids)} ", end="", file=sys.stderr, flush=True)
        time.sleep(0.5)
    return answers


def _trigger(running: Airflow, dag_id: str, conf: dict[str, Any]) -> str:
    """One run with the fixed logical date, in place of an earlier one."""
    running.rest.unpause(dag_id)
    run_id = f"asked__{dag_id}"
    with suppress(ApiRefused):
        running.rest.call("DELETE", f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")
    body = {"dag_run_id": run_id, "logical_date": LOGICAL_DATE, "conf": conf}
    return str(running.rest.call("POST", f"/api/v2/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])


def main(words: list[str]) -> None:
    with airflow() as running:
        home = next((running.home.parent).glob("environment-*/lib/python*/site-packages/airflow"))
        asked = corpus(words, home)
        answers = ask(running, asked)
    known = asked.stored() if asked.answers.exists() else {}
    known.update(answers)
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(known[name], sort_keys=True)}" for name in sorted(known)
    )
    # Where this machine keeps Airflow is nobody's business.
    text = f"{{\n{lines}\n}}\n".replace(str(running.home), "(airflow)").replace(
        str(home.parents[3]), "(environment)"
    )
    asked.answers.write_text(text)
    unfinished = sorted(name for name, answer in answers.items() if "unfinished" in answer)
    print(f"{len(answers)} answers; unfinished: {unfinished}")


if __name__ == "__main__":
    main(sys.argv[1:])
