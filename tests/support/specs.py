"""Small DAG specs, as dicts: what the runtime would have told of a file."""

from __future__ import annotations

from typing import Any


def dag(dag_id: str, tasks: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    """A DAG of these tasks without a schedule; `fields` are those of `taskwire.dagspec.DagSpec`."""
    return {
        "dag_id": dag_id,
        "relative_fileloc": f"dags/{dag_id}.py",
        "timetable": {
            "kind": "null",
            "summary": "None",
            "description": "Never, external triggers only",
            "can_be_scheduled": False,
        },
        "start_date": "2026-01-01T00:00:00+00:00",
        "owners": ["airflow"],
        "tasks": tasks,
        **fields,
    }


def task(task_id: str, *downstream: str, **fields: Any) -> dict[str, Any]:
    """A plain Python task; `fields` are those of `taskwire.dagspec.TaskSpec`."""
    return {
        "task_id": task_id,
        "operator": "PythonOperator",
        "module": "airflow.providers.standard.operators.python",
        "downstream": sorted(downstream),
        "owner": "airflow",
        **fields,
    }


def chain(dag_id: str, length: int, **fields: Any) -> dict[str, Any]:
    """`task_0 -> task_1 -> …`"""
    names = [f"task_{number}" for number in range(length)]
    tasks = [task(name, *names[number + 1 : number + 2]) for number, name in enumerate(names)]
    return dag(dag_id, tasks, **fields)
