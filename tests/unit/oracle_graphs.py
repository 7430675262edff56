"""Ask Airflow's own scheduler how random DAGs end: mapped groups, branches, setups, teardowns, every trigger rule.

    PYTHONPATH=platform:runtime:. <python with apache-airflow==3.3.2> -m tests.unit.oracle_graphs 240 \
        > tests/fixtures/graphs.json

Run by hand when Airflow's version changes. No task is executed: each instance that Airflow schedules ends as the
case says, with the XCom it would have left, and Airflow decides again (`DagRun.update_state`), until nothing moves.
The cases stand in the answers as the specs that our runtime tells of the same DAGs.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from typing import Any

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp())
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "CRITICAL")

RULES = (
    "all_success", "all_failed", "all_done", "all_done_min_one_success", "all_done_setup_success", "one_success",
    "one_failed", "one_done", "none_failed", "none_skipped", "always", "none_failed_min_one_success", "all_skipped",
)  # fmt: skip


def draw(number: int) -> dict[str, Any]:
    """One case: nodes in topological order. A node's group is a path of group ids; `up` names earlier nodes."""
    rng = random.Random(f"graphs-{number}")
    groups: dict[str, dict[str, Any]] = {}
    nodes: list[dict[str, Any]] = []
    for at in range(rng.randint(3, 9)):
        earlier = [one["id"] for one in nodes]
        node: dict[str, Any] = {
            "id": f"t{at}",
            "up": sorted(rng.sample(earlier, rng.randint(0, min(2, len(earlier))))),
            "rule": rng.choice(RULES) if rng.random() < 0.45 else "all_success",
            "kind": rng.choices(["plain", "empty", "branch", "short"], [8, 1, 1.5, 0.7])[0],
            "group": None,
        }
        if rng.random() < 0.45:
            node["group"] = rng.choice(["g", "g", "h", "n"])
        elif rng.random() < 0.3:
            node["over"] = _over(rng, nodes)
        nodes.append(node)
    for name, parent in (("g", None), ("h", None), ("n", "g")):
        if any(one["group"] == name for one in nodes) or name == "g":
            groups[name] = {"parent": parent, "over": _over(rng, [])}
    for name, group in groups.items():
        inside = [one for one in nodes if one["group"] in ({name, "n"} if name == "g" else {name})]
        first = min((nodes.index(one) for one in inside), default=0)
        before = [one for one in nodes[:first] if one["group"] is None]
        if before and rng.random() < 0.75:
            group["over"] = _over(rng, before, always=True)
        if rng.random() < 0.15:
            group["over"] = None
    if rng.random() < 0.35:
        _scope(rng, nodes)
    ends = {}
    for one in nodes:
        for index in range(-1, 9):
            ends[f"{one['id']}[{index}]"] = rng.choices(["success", "failed", "skipped"], [7, 1.6, 1.2])[0]
    return {"nodes": nodes, "groups": groups, "ends": ends, "seed": rng.randint(0, 2**30)}


def _over(rng: random.Random, nodes: list[dict[str, Any]], *, always: bool = False) -> Any:
    if nodes and (always or rng.random() < 0.6):
        return rng.choice(nodes)["id"]
    return rng.choice([0, 1, 2, 2, 3])


def _scope(rng: random.Random, nodes: list[dict[str, Any]]) -> None:
    for one in rng.sample(nodes, min(2, len(nodes))):
        if one["kind"] == "plain" and "over" not in one:
            one["setup"] = True
            later = [
                other
                for other in nodes[nodes.index(one) + 1 :]
                if other["kind"] == "plain" and not other.get("setup")
            ]
            if later and rng.random() < 0.8:
                end = rng.choice(later)
                end["teardown"], end["rule"] = one["id"], "all_done_setup_success"
                end["decides"] = rng.random() < 0.4


def build(case: dict[str, Any], dag_id: str) -> Any:
    """The DAG as an author would write it."""
    import pendulum
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.providers.standard.operators.python import (
        BranchPythonOperator,
        PythonOperator,
        ShortCircuitOperator,
    )
    from airflow.sdk import DAG
    from airflow.sdk.definitions._internal.expandinput import DictOfListsExpandInput
    from airflow.sdk.definitions.taskgroup import MappedTaskGroup, TaskGroup

    kinds = {
        "plain": PythonOperator,
        "empty": EmptyOperator,
        "branch": BranchPythonOperator,
        "short": ShortCircuitOperator,
    }
    with DAG(dag_id, schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")) as dag:
        made: dict[str, Any] = {}
        groups: dict[str, Any] = {}

        def source(over: Any) -> Any:
            return list(range(over)) if isinstance(over, int) else made[over].output

        def group_of(name: str) -> Any:
            if name not in groups:
                told = case["groups"][name]
                parent = group_of(told["parent"]) if told["parent"] else None
                arguments = {"group_id": name, "prefix_group_id": False, "parent_group": parent, "dag": dag}
                if told["over"] is None:
                    groups[name] = TaskGroup(**arguments)
                else:
                    value = DictOfListsExpandInput({"x": source(told["over"])})
                    groups[name] = MappedTaskGroup(expand_input=value, **arguments)
            return groups[name]

        for node in case["nodes"]:
            fields: dict[str, Any] = {"task_id": node["id"], "trigger_rule": node["rule"]}
            if node["group"]:
                fields["task_group"] = group_of(node["group"])
            operator = kinds[node["kind"]]
            if operator is not EmptyOperator:
                fields["python_callable"] = print
            if "over" in node and operator is PythonOperator:
                made[node["id"]] = operator.partial(**fields).expand(op_args=source(node["over"]))
            else:
                made[node["id"]] = operator(**fields)
            for up in node["up"]:
                made[up] >> made[node["id"]]
            if node.get("setup"):
                made[node["id"]].as_setup()
            if "teardown" in node:
                made[node["id"]].as_teardown(
                    setups=made[node["teardown"]], on_failure_fail_dagrun=node["decides"]
                )
                made[node["id"]].trigger_rule = "all_done_setup_success"
        for group in groups.values():
            if isinstance(group, MappedTaskGroup):
                for op, _ in group._expand_input.iter_references():
                    group.set_upstream(op)
    return dag


def choose(spec: Any, case: dict[str, Any]) -> dict[str, Any]:
    """What each branch and short circuit leaves as its XCom, by task id."""
    rng = random.Random(case["seed"])
    below = {task.task_id: task.downstream for task in spec.tasks}

    def reach(task_id: str) -> set[str]:
        found: set[str] = set()
        pending = list(below[task_id])
        while pending:
            one = pending.pop()
            if one not in found:
                found.add(one)
                pending += below[one]
        return found

    left: dict[str, Any] = {}
    for task in spec.tasks:
        if not task.can_skip_downstream:
            continue
        if task.operator == "BranchPythonOperator":
            chosen = set(rng.sample(task.downstream, rng.randint(0, min(2, len(task.downstream)))))
            for name in list(chosen):
                chosen |= reach(name)
            left[task.task_id] = {"followed": [name for name in task.downstream if name in chosen]}
        elif rng.random() < 0.5:
            every = sorted(reach(task.task_id)) if rng.random() < 0.5 else task.downstream
            if every:
                left[task.task_id] = {"skipped": every}
    return left


def length_of(task_id: str) -> int:
    """How long the value is that a task returns."""
    return sum(map(ord, task_id)) % 4


def run(dag: Any, case: dict[str, Any], left: dict[str, Any]) -> tuple[dict[str, str | None], str]:
    """States of the instances when nothing moves any more, and the run's."""
    import pendulum
    from airflow.models.dagrun import DagRun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.taskmap import TaskMap
    from airflow.models.xcom import XComModel
    from airflow.sdk.definitions.mappedoperator import MappedOperator
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    lazy = LazyDeserializedDAG.from_dag(dag)
    with create_session() as session:
        SerializedDAG.bulk_write_to_db("b", None, [lazy], session=session)
        session.commit()
        SerializedDagModel.write_dag(lazy, bundle_name="b", session=session)
        session.commit()
        serialized = SerializedDagModel.get_dag(dag.dag_id, session=session)
        when = pendulum.datetime(2026, 1, 1, tz="UTC")
        made = serialized.create_dagrun(
            run_id="r",
            logical_date=when,
            data_interval=(when, when),
            run_after=when,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )
        made.dag = serialized
        session.commit()
        before: list[Any] = []
        still = 0
        for _ in range(120):
            row = session.get(DagRun, made.id)
            row.dag = serialized
            ready, _ = row.update_state(session=session, execute_callbacks=False)
            if ready:
                row.schedule_tis(ready, session=session)
            session.commit()
            instances = session.query(TaskInstance).filter_by(dag_id=dag.dag_id, run_id="r").all()
            picture = sorted((ti.task_id, ti.map_index, str(ti.state)) for ti in instances)
            scheduled = [ti for ti in instances if ti.state == "scheduled"]
            still = still + 1 if not scheduled and picture == before else 0
            if still == 3:
                break
            before = picture
            for ti in scheduled:
                _end(ti, case, left, dag, session, TaskMap, XComModel, MappedOperator)
            session.commit()
            session.expire_all()
        states = {
            ti.task_id if ti.map_index < 0 else f"{ti.task_id}[{ti.map_index}]": ti.state and str(ti.state)
            for ti in session.query(TaskInstance).filter_by(dag_id=dag.dag_id, run_id="r")
        }
        return states, str(session.get(DagRun, made.id).state)


def _end(
    ti: Any,
    case: dict[str, Any],
    left: dict[str, Any],
    dag: Any,
    session: Any,
    task_map: Any,
    xcom: Any,
    mapped: Any,
) -> None:
    """What a worker would have written of this instance."""
    from airflow.models.taskinstance import TaskInstance

    end = case["ends"].get(f"{ti.task_id}[{ti.map_index}]", "success")
    task = dag.get_task(ti.task_id)
    place = {"dag_id": ti.dag_id, "run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}

    def push(key: str, value: Any) -> None:
        xcom.set(key=key, value=value, serialize=True, session=session, **place)

    if end == "success":
        skips = left.get(ti.task_id)
        if skips:
            push("skipmixin_key", skips)
            if ti.map_index == -1:
                names = skips.get("skipped") or [
                    n for n in sorted(task.downstream_task_ids) if n not in skips["followed"]
                ]
                for other in session.query(TaskInstance).filter_by(
                    dag_id=ti.dag_id, run_id="r", map_index=-1
                ):
                    if other.task_id in names and other.state not in ("running", "success", "failed"):
                        other.set_state("skipped", session=session)
        length = length_of(ti.task_id)
        push("return_value", list(range(length)))
        if next(task.iter_mapped_dependants(), None) is not None and not isinstance(task, mapped):
            session.add(task_map(length=length, keys=None, **place))
    ti.set_state(end, session=session)


def main(count: int) -> None:
    import msgspec
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import resetdb
    from airflow.utils.session import create_session

    from aerodrome_runtime.translate.dag import dag_spec

    resetdb()
    with create_session() as session:
        session.add(DagBundleModel(name="b"))
    found: list[dict[str, Any]] = []
    refused = 0
    for number in range(count * 3):
        case = draw(number)
        try:
            dag = build(case, f"case_{number}")
            dag.check_cycle() if hasattr(dag, "check_cycle") else None
            spec = dag_spec(dag=dag, bundle_root="/b", relative_fileloc="d.py")
        except Exception as error:  # Airflow refuses it at parse time
            refused += 1
            print(
                number, type(error).__name__, str(error)[:90], file=sys.stderr
            ) if "-v" in sys.argv else None
            continue
        left = choose(spec, case)
        states, state = run(dag, case, left)
        told = json.loads(msgspec.json.encode(spec))
        for task in told["tasks"]:
            for name in (
                "code_sha",
                "template_fields",
                "params",
                "owner",
                "module",
                "ui_color",
                "operator",
                "task_type",
            ):
                task.pop(name, None)
        found.append(
            {
                "case": number,
                "tasks": told["tasks"],
                "groups": told.get("groups", []),
                "ends": {key: end for key, end in case["ends"].items() if end != "success"},
                "left": left,
                "states": states,
                "state": state,
            }
        )
        if len(found) == count:
            break
    lines = ",\n".join(json.dumps(each, sort_keys=True) for each in found)
    sys.stdout.write(f"[\n{lines}\n]\n")
    print(f"{len(found)} cases, {refused} refused", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]))
