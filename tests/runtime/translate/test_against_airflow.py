"""Our telling of a DAG against Airflow's own: what its serializer keeps, the spec says too, field by field."""

from __future__ import annotations

from pathlib import Path

from tests.support.airflow_runtime import REPOSITORY, AirflowRuntime

COMPARE = """
    from pathlib import Path
    from aerodrome_runtime.parse.load import load_dags
    from aerodrome_runtime.parse.paths import add_bundle_paths
    from aerodrome_runtime.translate.dag import dag_spec
    from airflow.serialization.serialized_objects import DagSerialization

    root = Path({root!r})
    add_bundle_paths(bundle_root=root)
    loaded = load_dags(bundle_root=root, path={path!r})
    result, count = [], 0

    def differ(where, ours, theirs):
        if ours != theirs:
            result.append([where, repr(ours), repr(theirs)])

    def seconds(value):
        return None if value is None else value.total_seconds()

    for dag_id, dag in loaded.dags.items():
        try:
            airflow = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        except Exception as error:
            # Airflow wants a plugin to register these; the spec names their import path and needs none.
            if "not registered" in str(error) or "Unknown priority strategy" in str(error):
                continue
            raise
        spec = dag_spec(dag=dag, bundle_root=str(root), relative_fileloc={path!r})
        for name in ("description", "catchup", "max_active_runs", "max_active_tasks", "fail_fast", "doc_md"):
            differ(dag_id + " " + name, getattr(spec, name), getattr(airflow, name))
        differ(dag_id + " summary", spec.timetable.summary, airflow.timetable.summary)
        differ(dag_id + " timetable", spec.timetable.description, airflow.timetable.description)
        differ(dag_id + " can_be_scheduled", spec.timetable.can_be_scheduled, airflow.timetable.can_be_scheduled)
        differ(dag_id + " limit", spec.timetable.active_runs_limit, airflow.timetable.active_runs_limit)
        differ(dag_id + " tags", set(spec.tags), set(airflow.tags))
        differ(dag_id + " tasks", {{t.task_id for t in spec.tasks}}, set(airflow.task_dict))
        differ(dag_id + " groups", {{g.group_id for g in spec.groups}}, set(airflow.task_group_dict))
        differ(dag_id + " params", set(spec.params), set(airflow.params))
        for ours in spec.tasks:
            count += 1
            theirs = airflow.get_task(ours.task_id)
            where = dag_id + "." + ours.task_id + " "
            for name in (
                "retries", "pool", "pool_slots", "queue", "owner", "is_setup", "is_teardown", "depends_on_past",
                "wait_for_downstream", "is_mapped", "priority_weight", "max_active_tis_per_dag", "executor",
                "max_active_tis_per_dagrun", "on_failure_fail_dagrun", "retry_exponential_backoff", "ui_fgcolor",
                "do_xcom_push", "map_index_template", "multiple_outputs", "task_type", "doc_md",
            ):
                told = getattr(ours, name)
                if name == "task_type":
                    told = told or ours.operator
                if name == "ui_fgcolor":
                    told = told or "#000"
                if hasattr(theirs, name):
                    differ(where + name, told, getattr(theirs, name))
            differ(where + "downstream", set(ours.downstream), set(theirs.downstream_task_ids))
            differ(where + "trigger_rule", ours.trigger_rule, str(getattr(theirs.trigger_rule, "value", theirs.trigger_rule)))
            differ(where + "retry_delay", ours.retry_delay_seconds, seconds(theirs.retry_delay))
            differ(where + "max_retry_delay", ours.max_retry_delay_seconds, seconds(theirs.max_retry_delay))
            differ(where + "timeout", ours.execution_timeout_seconds, seconds(theirs.execution_timeout))
            differ(where + "operator", ours.operator, theirs.operator_name)
            differ(where + "label", ours.label or ours.task_id, ours.display_name or theirs.label)
            differ(where + "start", ours.start_date, theirs.start_date and theirs.start_date.isoformat())
            differ(where + "fields", set(ours.template_fields), set(theirs.template_fields))
            groups = [g.group_id for g in theirs.iter_mapped_task_groups()][::-1]
            differ(where + "mapped groups", ours.mapped_group_ids, groups)
            empty = theirs.inherits_from_empty_operator and not (
                theirs.has_on_execute_callback or theirs.has_on_success_callback or theirs.outlets or theirs.inlets
            )
            differ(where + "is_empty", ours.is_empty, bool(empty))
            differ(where + "skips", ours.can_skip_downstream, theirs.inherits_from_skipmixin)
    result = {{"differences": result, "tasks": count, "errors": [repr(e) for e, _ in loaded.errors]}}
"""


def compared(runtime: AirflowRuntime, root: Path) -> int:
    tasks = 0
    for path in runtime.candidates(bundle=root):
        if path.startswith("plugins/"):
            continue
        told = runtime.run(COMPARE.format(root=str(root), path=path))
        assert told["differences"] == [], path
        assert told["errors"] == [], path
        tasks += told["tasks"]
    return tasks


def test_airflows_examples(runtime: AirflowRuntime) -> None:
    code = "import airflow.example_dags as e, pathlib\nresult = str(pathlib.Path(e.__file__).parent)"
    assert compared(runtime, Path(runtime.run(code))) > 200


def test_our_examples(runtime: AirflowRuntime) -> None:
    assert compared(runtime, REPOSITORY / "examples") > 40
