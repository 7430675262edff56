"""POST …/xcomEntries; PATCH and DELETE …/xcomEntries/{xcom_key}: people write what tasks hand to each other."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from api.v2.operation import Call, Reply, operation
from api.v2.refusals import Refusal, not_found, wrong
from api.v2.xcoms.views import read_index, shown
from controlplane.execution import by_hand
from controlplane.execution.large_xcoms import XComTooLarge
from controlplane.execution.storable import NotStorable
from controlplane.execution.xcom_room import XComsFull
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.xcom import XCom

RESERVED = frozenset(
    {
        "__classname__",
        "__version__",
        "__data__",
        "__id__",
        "__cache__",
        "__type",
        "__source",
        "__var",
    }
)
"""Keys of Airflow's serialiser: a value with one of them would be read back as an object."""


def _plain(value: Any) -> Any:
    _check(value, "value")
    return value


def _check(value: Any, place: str) -> None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return
    if isinstance(value, dict):
        if found := RESERVED & value.keys():
            raise ValueError(
                f"XCom {place} contains reserved serialization keys: {', '.join(sorted(found))}. "
                "These keys are reserved for internal use."
            )
        for name, held in value.items():
            _check(held, f"{place}.{name}")
    elif isinstance(value, list):
        for index, held in enumerate(value):
            _check(held, f"{place}[{index}]")


class UpdateBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Annotated[Any, AfterValidator(_plain)]
    map_index: int = Field(-1, ge=-(2**31), lt=2**31)


class CreateBody(UpdateBody):
    key: str = Field(max_length=512)


@operation("xcoms.edit", event="create_xcom_entry", records=("key", "map_index"))
def create_xcom_entry(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """A new entry of a task that the run's DAG has."""
    body = call.body(CreateBody)
    run = DagRun.objects.filter(dag_id=dag_id, run_id=dag_run_id).first()
    version_id = run.dag_version_id if run is not None else _newest(dag_id)
    if not DagTask.objects.filter(dag_version_id=version_id, task_id=task_id).exists():
        raise not_found(f"Task with ID: `{task_id}` not found in dag: `{dag_id}`")
    if run is None:
        raise not_found(f"Dag Run with ID: `{dag_run_id}` not found for dag: `{dag_id}`")
    try:
        row = by_hand.add_xcom(
            run=run, task_id=task_id, map_index=body.map_index, key=body.key, value=body.value, now=call.now
        )
    except by_hand.XComExists as error:
        told = f"The XCom with key: `{body.key}` with mentioned task instance already exists."
        raise Refusal(409, told) from error
    except NotStorable as error:
        raise _refused(error) from error
    return Reply(201, {**shown([row])[0], "value": body.value})


@operation("xcoms.edit", event="update_xcom_entry", records=("map_index",))
def update_xcom_entry(call: Call, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str) -> Any:
    """Another value."""
    body = call.body(UpdateBody)
    row = (
        XCom.objects.select_related("dag_run")
        .filter(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, key=xcom_key, map_index=body.map_index)
        .first()
    )
    if row is None:
        raise _missing(xcom_key)
    try:
        by_hand.change_xcom(row=row, value=body.value, now=call.now)
    except NotStorable as error:
        raise _refused(error) from error
    return {**shown([row])[0], "value": body.value}


@operation("xcoms.edit", event="delete_xcom_entry")
def delete_xcom_entry(call: Call, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str) -> Any:
    """Gone."""
    map_index = read_index(call.query)
    try:
        by_hand.delete_xcom(
            dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index, key=xcom_key
        )
    except by_hand.XComMissing as error:
        raise _missing(xcom_key) from error
    return Reply(204)


def _newest(dag_id: str) -> Any:
    version_id = Dag.objects.filter(dag_id=dag_id).values_list("current_version_id", flat=True).first()
    if version_id is None:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found")
    return version_id


def _missing(key: str) -> Refusal:
    return not_found(f"The XCom with key: `{key}` with mentioned task instance doesn't exist.")


def _refused(error: NotStorable) -> Refusal:
    if isinstance(error, XComTooLarge | XComsFull):
        return Refusal(413, str(error))
    return wrong(("body", "value"), f"Value error, {error}", None)
