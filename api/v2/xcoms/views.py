"""GET …/xcomEntries and …/xcomEntries/{xcom_key}."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from api.v2.listing import ordered, ordering, patterns, within
from api.v2.operation import Call, operation
from api.v2.query import Query
from api.v2.refusals import not_found, wrong
from api.v2.version_facts import facts_of
from api.v2.xcoms.readable import as_text, readable
from controlplane.execution import large_xcoms
from controlplane.ledger.models.xcom import XCom

ORDERS = {
    "key": "key",
    "dag_id": "dag_id",
    "run_id": "run_id",
    "task_id": "task_id",
    "map_index": "map_index",
    "timestamp": "timestamp",
    "run_after": "dag_run__run_after",
}
_DEFAULT = ["dag_id", "task_id", "run_id", "map_index", "key"]


@operation("runs.read")
def get_xcom_entries(call: Call, dag_id: str, dag_run_id: str, task_id: str) -> Any:
    """Entries without their values; `~` in the path stands for all."""
    query = call.query
    rows = XCom.objects.select_related("dag_run").defer("value")
    for field, given in (("dag_id", dag_id), ("run_id", dag_run_id), ("task_id", task_id)):
        if given != "~":
            rows = rows.filter(**{field: given})
    for name, field in (("map_index", "map_index"), ("map_index_filter", "map_index")):
        if (number := query.integer(name)) is not None:
            rows = rows.filter(**{field: number})
    if (key := query.text("xcom_key")) is not None:
        rows = rows.filter(key=key)
    rows = patterns(
        rows, query, xcom_key="key", run_id="run_id", task_id="task_id", dag_display_name="dag_id"
    )
    rows = within(rows, "dag_run__logical_date", query.instants("logical_date"))
    rows = within(rows, "dag_run__run_after", query.instants("run_after"))
    columns = ordering(query.texts("order_by") or _DEFAULT, ORDERS, default="key")
    offset, limit = query.offset(), query.limit()
    found = list(ordered(rows, columns)[offset : offset + limit])
    return {"xcom_entries": shown(found), "total_entries": rows.count()}


@operation("runs.read")
def get_xcom_entry(call: Call, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str) -> Any:
    """One entry with its value as it is stored; with `deserialize` readable, with `stringify` as text."""
    given = read_index(call.query)
    deserialize = call.query.boolean("deserialize") or False
    stringify = call.query.boolean("stringify") or False
    found = Q(dag_id=dag_id, run_id=dag_run_id, task_id=task_id, key=xcom_key)
    found &= Q(map_index=given)
    row = XCom.objects.select_related("dag_run").filter(found).first()
    if row is None:
        raise not_found(f"XCom entry with key: `{xcom_key}` not found")
    value = large_xcoms.value_of(value=row.value, kept_as=row.kept_as)
    if deserialize:
        value = readable(value)
    return {**shown([row])[0], "value": as_text(value) if stringify else value}


def read_index(query: Query) -> int:
    """The map index of the query, -1 when none is given."""
    given = query.integer("map_index")
    if given is not None and given < -1:
        told = "Input should be greater than or equal to -1"
        raise wrong(("query", "map_index"), told, str(given), "greater_than_equal")
    return -1 if given is None else given


def shown(rows: list[XCom]) -> list[dict[str, Any]]:
    """XComResponse of each; `dag_run` was selected with them."""
    facts = facts_of(row.dag_run.dag_version_id for row in rows)
    answers = []
    for row in rows:
        known = facts.get(row.dag_run.dag_version_id)
        answers.append(
            {
                "key": row.key,
                "timestamp": row.timestamp,
                "logical_date": row.dag_run.logical_date,
                "map_index": row.map_index,
                "task_id": row.task_id,
                "dag_id": row.dag_id,
                "run_id": row.run_id,
                "dag_display_name": known.dag_display_name if known else row.dag_id,
                "task_display_name": known.task(row.task_id).display_name if known else row.task_id,
                "run_after": row.dag_run.run_after,
            }
        )
    return answers
