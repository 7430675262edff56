"""Airflow's own example DAGs, out of its wheel: each is told, or fails for the reason stated here."""

from __future__ import annotations

from pathlib import Path

from tests.support.airflow_runtime import AirflowRuntime

NO_DAGS = {
    "example_kubernetes_executor.py": "shows DAGs only with the kubernetes provider",
    "example_local_kubernetes_executor.py": "shows DAGs only with the kubernetes provider",
}


def test_all_of_them(runtime: AirflowRuntime) -> None:
    root = Path(
        runtime.run(
            "import airflow.example_dags as e, pathlib\nresult = str(pathlib.Path(e.__file__).parent)"
        )
    )
    files = [path for path in runtime.candidates(bundle=root) if not path.startswith(("plugins/", "libs/"))]
    assert len(files) > 40
    dags = tasks = 0
    for path in files:
        told = runtime.parse(bundle=root, path=path)
        assert told.failures == [], path
        assert bool(told.dags) is (path not in NO_DAGS), path
        assert [each.code for each in told.findings if each.code.startswith("AERO-SHIM")] == [], path
        dags += len(told.dags)
        tasks += sum(len(spec.tasks) for spec in told.dags)
    # Each version of Airflow brings other examples: what its own loader makes of them is the measure.
    assert [dags, tasks] == runtime.run(
        """
        from airflow.dag_processing.dagbag import DagBag
        import airflow.example_dags, pathlib
        bag = DagBag(dag_folder=str(pathlib.Path(airflow.example_dags.__file__).parent))
        result = [len(bag.dags), sum(len(dag.tasks) for dag in bag.dags.values())]
        """
    )
    assert dags > 80
