"""The same DAG files, run here and on Airflow 3.3.2: states, tries, XComs and rendered fields are the same.

Airflow's answers are stored (`tests/fixtures/compat`, asked by `tests.compat.ask_airflow`), so that no second
Airflow is needed here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.compat.corpora import (
    Corpus,
    airflow_corpus,
    features_corpus,
    random_cases,
    random_corpus,
    seeds_corpus,
    stored_answers,
)
from tests.compat.here import Observed, run_here
from tests.compat.known_differences import healed, unexplained
from tests.compat.observing import agreed, differences
from tests.compat.races import racing
from tests.support.base_runtime import furnished_base
from tests.support.stack import Stack

FEW = 80
"""So many random cases run on every change (less those that time decides); all when asked for heavy tests."""
ANSWERED = {
    dag_id: answer for dag_id, answer in stored_answers("random").items() if "unfinished" not in answer
}
RANDOM = random_corpus(last=FEW)
ALL = random_corpus()
CASES = random_cases()


def compared(name: str) -> list[str]:
    """DAGs of a corpus that were over on Airflow in time."""
    return sorted(dag_id for dag_id, answer in stored_answers(name).items() if "unfinished" not in answer)


def compare(corpus: Corpus, dag_id: str, observed: Observed) -> None:
    """Fails with each place that differs and was not explained."""
    assert dag_id not in observed.left, f"not over in time: {observed.left[dag_id]}"
    found = differences(corpus.stored()[dag_id], observed.runs[dag_id])
    assert unexplained(corpus.name, dag_id, found) == []
    assert healed(corpus.name, dag_id, found) == [], "known_differences.py lists what is the same by now"


@pytest.fixture(scope="module")
def random_runs(_shared_stack: Stack) -> Observed:
    asked = [dag_id for dag_id in RANDOM.asks if dag_id in ANSWERED]
    return run_here(_shared_stack.sign_up(), RANDOM, asked, seconds=180)


def random_differences(dag_id: str, observed: Observed) -> list[str]:
    """Without what time decides, on Airflow as here."""
    assert dag_id not in observed.left, f"not over in time: {observed.left[dag_id]}"
    answer = ANSWERED[dag_id]
    either = racing(CASES[dag_id], answer)
    found = differences(answer, observed.runs[dag_id])
    return [
        line for line in found if _place(line) not in either and not (either and line.startswith("state:"))
    ]


def _place(line: str) -> str:
    """The task that a difference is about."""
    match = re.match(r"tasks\.((?:g\.)?\w+)", line)
    return match[1] if match else ""


@pytest.mark.parametrize("dag_id", [dag_id for dag_id in RANDOM.asks if dag_id in ANSWERED])
def test_random_dag(random_runs: Observed, dag_id: str) -> None:
    assert random_differences(dag_id, random_runs) == []


def test_most_random_tasks_are_compared() -> None:
    """What time decides is a small part."""
    tasks = sum(len(ANSWERED[dag_id]["tasks"]) for dag_id in ANSWERED if dag_id in CASES)
    either = sum(
        1
        for dag_id in ANSWERED
        if dag_id in CASES
        for place in ANSWERED[dag_id]["tasks"]
        if place.split("[")[0] in racing(CASES[dag_id], ANSWERED[dag_id])
    )
    assert either < tasks / 4, f"{either} of {tasks}"
    assert sum(1 for dag_id in RANDOM.asks if dag_id in ANSWERED) >= 60
    assert sum(1 for dag_id in ALL.asks if dag_id in ANSWERED) >= 500


@pytest.fixture(scope="module")
def feature_runs(_shared_stack: Stack) -> Observed:
    return run_here(_shared_stack.sign_up(), features_corpus(), compared("features"), seconds=240)


@pytest.mark.parametrize("dag_id", compared("features"))
def test_feature(feature_runs: Observed, dag_id: str) -> None:
    compare(features_corpus(), dag_id, feature_runs)


@pytest.fixture(scope="module")
def airflow_package() -> Path:
    """Where the test runtime's Airflow lies: its examples are in it."""
    return next((furnished_base() / "lib").glob("python*/site-packages/airflow"))


@pytest.fixture(scope="module")
def example_runs(_shared_stack: Stack, airflow_package: Path) -> Observed:
    corpus = airflow_corpus(name="examples", airflow=airflow_package)
    return run_here(_shared_stack.sign_up(), corpus, compared("examples"), seconds=240)


@pytest.mark.parametrize("dag_id", compared("examples"))
def test_example_of_airflow(example_runs: Observed, airflow_package: Path, dag_id: str) -> None:
    compare(airflow_corpus(name="examples", airflow=airflow_package), dag_id, example_runs)


@pytest.fixture(scope="module")
def standard_runs(_shared_stack: Stack, airflow_package: Path) -> Observed:
    corpus = airflow_corpus(name="standard", airflow=airflow_package)
    return run_here(_shared_stack.sign_up(), corpus, compared("standard"), seconds=240)


@pytest.mark.parametrize("dag_id", compared("standard"))
def test_example_of_the_standard_provider(
    standard_runs: Observed, airflow_package: Path, dag_id: str
) -> None:
    compare(airflow_corpus(name="standard", airflow=airflow_package), dag_id, standard_runs)


@pytest.fixture(scope="module")
def seed_runs(_shared_stack: Stack) -> Observed:
    return run_here(_shared_stack.sign_up(), seeds_corpus(), compared("seeds"), seconds=180)


@pytest.mark.parametrize("dag_id", compared("seeds"))
def test_seed(seed_runs: Observed, dag_id: str) -> None:
    compare(seeds_corpus(), dag_id, seed_runs)


@pytest.mark.heavy
def test_many_random_dags(_shared_stack: Stack) -> None:
    stored = {dag_id: answer for dag_id, answer in ANSWERED.items() if dag_id in ALL.asks}
    observed = run_here(_shared_stack.sign_up(), ALL, sorted(stored), seconds=1200)
    found = {dag_id: random_differences(dag_id, observed)[:5] for dag_id in stored}
    assert {dag_id: lines for dag_id, lines in found.items() if lines} == {}


def test_a_difference_is_found() -> None:
    """The comparison can fail: each kind of difference is seen."""
    said = {"state": "success", "tasks": {"a": {"state": "success", "tries": 1, "xcoms": {"k": [1, 2]}}}}
    assert differences(said, said) == []
    for place, value in (("state", "failed"), ("tries", 2), ("xcoms", {"k": [1, 3]}), ("xcoms", {})):
        other = {**said, "tasks": {"a": {**said["tasks"]["a"], place: value}}}  # type: ignore[dict-item,index]
        assert differences(said, other) != [], place
    assert differences(said, {"state": "success", "tasks": {}}) != []
    assert differences({"state": "success", "tasks": {}}, said) != []
    assert differences(agreed(said, {**said, "state": "failed"}), {**said, "state": "queued"}) == []
