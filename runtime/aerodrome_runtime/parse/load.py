"""Loads the DAGs of one bundle file with Airflow's own importer. Called by the parse child and by the zygote.

Needs no database. Before: `paths.add_bundle_paths`, and `shim.install` once in this process or its parent.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aerodrome_runtime.shim.dag_arguments import PLACE

_IMPORTER = "airflow.dag_processing.importers.python_importer"


@dataclass
class Loaded:
    """What a file holds. `dags` maps id to DAG; a DAG that fails its own checks is only in `errors`.

    An error comes with the line of the DAG it is about, 0 when only its traceback can tell.
    """

    dags: dict[str, Any] = field(default_factory=dict)
    filelocs: dict[str, str] = field(default_factory=dict)
    errors: list[tuple[BaseException, int]] = field(default_factory=list)


class DagIdDuplicated(ValueError):
    """Two DAGs of one file carry the same id, so neither can be told to be the right one."""


class _Caught(logging.Filter):
    """Takes the exception from the importer's own log record, and keeps the record from being written."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])
        return False


def load_dags(*, bundle_root: Path, path: str) -> Loaded:
    """Import `path` (relative to the bundle) and run the checks Airflow runs before it accepts a DAG.

    Never raises for what the file does, `SystemExit` included; `KeyboardInterrupt` passes.
    """
    from airflow.dag_processing.importers.python_importer import PythonDagImporter
    from airflow.sdk.exceptions import AirflowTaskTimeout

    filename = str(bundle_root / path)
    caught = _Caught()
    logger = logging.getLogger(_IMPORTER)
    logger.addFilter(caught)
    try:
        result = PythonDagImporter().import_file(filename, bundle_path=bundle_root, safe_mode=False)
    except (Exception, AirflowTaskTimeout) as error:
        # The importer's own alarm may go off while it still words an exception of the file's.
        return Loaded(errors=[(error, 0)])
    finally:
        logger.removeFilter(caught)
    loaded = Loaded(errors=[(error, 0) for error in caught.errors])
    if result.errors and not caught.errors:
        loaded.errors = [(ImportError(error.message), 0) for error in result.errors]
    _accept(result.dags, loaded)
    return loaded


def _accept(dags: list[Any], loaded: Loaded) -> None:
    by_id: dict[str, list[Any]] = {}
    for dag in dags:
        if not any(dag is other for other in by_id.setdefault(dag.dag_id, [])):
            by_id[dag.dag_id].append(dag)
    for dag_id, same in sorted(by_id.items()):
        if len(same) > 1:
            told = f"{len(same)} DAGs of this file have the dag_id {dag_id!r}; ids must be unique"
            loaded.errors.append((DagIdDuplicated(told), max(_line(dag) for dag in same)))
            continue
        error = _check(same[0])
        if error is None:
            loaded.dags[dag_id] = same[0]
            loaded.filelocs[dag_id] = same[0].relative_fileloc
        elif not _is_skipped(error):
            loaded.errors.append((error, _line(same[0])))


def _line(dag: Any) -> int:
    return int(getattr(dag, PLACE, ("", 0))[1])


def _check(dag: Any) -> Exception | None:
    """Airflow's own checks and policies, in its own order; cycles by our walk, which names every task."""
    from airflow import settings

    from aerodrome_runtime.translate.order import topological

    try:
        dag.validate()
        edges = {each.task_id: sorted(each.downstream_task_ids) for each in dag.tasks}
        topological(dag_id=dag.dag_id, downstream=edges)
        dag.resolve_template_files()
        settings.dag_policy(dag)
        for task in dag.tasks:
            settings.task_policy(task)
    except Exception as error:
        return error
    return None


def _is_skipped(error: Exception) -> bool:
    return type(error).__name__ == "AirflowClusterPolicySkipDag"


def forget_module(*, filename: str) -> None:
    """Drop the module that was made of `filename`, so that a second load runs it again."""
    from airflow.utils.file import get_unique_dag_module_name

    sys.modules.pop(get_unique_dag_module_name(filename), None)
