"""The DAG files that run on Airflow and here, and which of their DAGs are asked to run."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "fixtures" / "compat"
SEEDS = HERE.parent / "fixtures" / "seeds"

LOGICAL_DATE = "2025-03-05T10:00:00Z"
"""All runs have the same, so that what is rendered from it can be compared."""

NOT_IMPORTED = "Airflow cannot import it"


@dataclass(frozen=True)
class Corpus:
    """`files`: path below the DAGs folder -> text. `asks`: DAG id -> conf of its run, in order; without any, all
    DAGs of the files are asked. `pools`: name -> slots, of those that must exist."""

    name: str
    files: dict[str, str]
    asks: dict[str, dict[str, Any]] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)

    @property
    def answers(self) -> Path:
        return FIXTURES / f"{self.name}.json"

    def stored(self) -> dict[str, Any]:
        """Airflow's answers by DAG id; `{"unfinished": …}` for what was not over there in time."""
        return stored_answers(self.name)


def stored_answers(name: str) -> dict[str, Any]:
    """The answers of the corpus of this name."""
    return dict(json.loads((FIXTURES / f"{name}.json").read_text()))


def _drawn() -> list[dict[str, Any]]:
    return list(json.loads((FIXTURES / "random_cases.json").read_text()))


def random_cases() -> dict[str, dict[str, Any]]:
    """DAG id -> case, of those that are compared."""
    return {case["id"]: case for case in _drawn() if "fail_fast" not in case}


def random_corpus(*, first: int = 0, last: int | None = None) -> Corpus:
    """Cases `first` to `last` (left out); the answers are those of all cases.

    Those with `fail_fast` are passed over: what still runs when the first task fails is a matter of time.
    """
    cases = [case for case in _drawn()[first:last] if "fail_fast" not in case]
    files = {
        "random_dags.py": (HERE / "dags" / "random_dags.py").read_text(),
        "random_cases.json": json.dumps(cases, sort_keys=True),
    }
    return Corpus("random", files, {case["id"]: {} for case in cases})


def folder_corpus(*, name: str, folder: Path, below: str = "") -> Corpus:
    """Every DAG file of a folder that Airflow's own distribution brings, as it stands."""
    files = {
        f"{below}{path.relative_to(folder).as_posix()}": path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".sql", ".sh", ".json") and "__pycache__" not in path.parts
    }
    return Corpus(name, files)


def airflow_corpus(*, name: str, airflow: Path) -> Corpus:
    """Airflow's own examples, from the installed package: `examples` are the core's, `standard` the provider's."""
    folder = {"examples": "example_dags", "standard": "providers/standard/example_dags"}[name]
    return folder_corpus(name=name, folder=airflow / folder, below=f"{name}/")


def features_corpus() -> Corpus:
    """Our own DAGs, one file per feature of the compatibility table."""
    folder = HERE / "dags" / "features"
    return Corpus("features", {path.name: path.read_text() for path in sorted(folder.glob("*.py"))})


def seeds_corpus(*, respelled: bool = False) -> Corpus:
    """The seed documents' DAGs that need no packages, no outside service and no queue of their own. `respelled`: with
    `schedule` for `schedule_interval`, without which Airflow 3.3.2 imports none of them."""
    index = json.loads((SEEDS / "index.json").read_text())
    chosen = {
        path: entry["dags"]
        for path, entry in index.items()
        if entry["status"] == "runnable" and not entry["requirements"]
    }
    files = {path: (SEEDS / path).read_text() for path in chosen}
    files["dags/ingestion_config.json"] = (SEEDS / "dags/ingestion_config.json").read_text()
    if respelled:
        files = {path: text.replace("schedule_interval=", "schedule=") for path, text in files.items()}
    asks = {dag_id: {} for dag_ids in chosen.values() for dag_id in dag_ids if dag_id != "fragment_queue"}
    return Corpus("seeds", files, asks, {"database_access": 5, "cpu_bound_pool": 2})
