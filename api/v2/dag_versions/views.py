"""GET /dags/{dag_id}/dagVersions, …/{version_number}, /dagSources/{dag_id} and /dagTags."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpResponse

from api.v2.bundle_names import BUNDLE_NAME
from api.v2.listing import ordering, page
from api.v2.operation import Call, operation
from api.v2.refusals import Refusal, not_found
from api.v2.version_facts import facts_of
from controlplane.foundation import db
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion

ORDERS = {
    "id": "id",
    "version_number": "version_number",
    "bundle_name": "id",
    "bundle_version": "bundle_version__commit_sha",
}


@operation("dags.read")
def get_dag_versions(call: Call, dag_id: str) -> Any:
    """A page of the versions of one DAG, or with `~` of all."""
    query = call.query
    rows = DagVersion.objects.only("id")
    if dag_id != "~":
        if not Dag.objects.filter(dag_id=dag_id).exists():
            raise not_found(f"The Dag with ID: `{dag_id}` was not found")
        rows = rows.filter(dag_id=dag_id)
    if (number := query.integer("version_number")) is not None:
        rows = rows.filter(version_number=number)
    if (name := query.text("bundle_name")) is not None and name != BUNDLE_NAME:
        rows = rows.none()
    if (version := query.text("bundle_version")) is not None:
        rows = rows.filter(Q(bundle_version__commit_sha=version) | Q(bundle_version__digest=version))
    found, total = page(rows, query, ORDERS, default="id")
    facts = facts_of(row.id for row in found)
    return {"dag_versions": [facts[row.id].response for row in found], "total_entries": total}


@operation("dags.read")
def get_dag_version(call: Call, dag_id: str, version_number: int) -> Any:
    """One version."""
    row = DagVersion.objects.only("id").filter(dag_id=dag_id, version_number=version_number).first()
    if row is None:
        raise not_found(
            f"The DagVersion with dag_id: `{dag_id}` and version_number: `{version_number}` was not found"
        )
    return facts_of([row.id])[row.id].response


@operation("dags.read")
def get_dag_source(call: Call, dag_id: str) -> Any:
    """The DAG's file as it stood in that version, as JSON or as plain text."""
    number = call.query.integer("version_number")
    accept = call.http.headers.get("Accept", "*/*").split(";")[0].strip()
    rows = DagVersion.objects.defer("spec").filter(dag_id=dag_id).order_by("-version_number")
    if number is not None:
        rows = rows.filter(version_number=number)
    row = rows.first()
    if row is None:
        at = number if number is not None else "latest"
        raise not_found(f"The source code of the DAG {dag_id}, version_number {at} was not found")
    if accept == "text/plain":
        return HttpResponse(row.source, content_type="text/plain; charset=utf-8")
    if accept not in ("application/json", "*/*", ""):
        raise Refusal(406, "Content not available for Accept header")
    return {
        "content": row.source,
        "dag_id": row.dag_id,
        "version_number": row.version_number,
        "dag_display_name": facts_of([row.id])[row.id].dag_display_name,
    }


@operation("dags.read")
def get_dag_tags(call: Call) -> Any:
    """The names of tags in use."""
    query = call.query
    order = ordering(query.texts("order_by"), {"name": "name"}, default="name", key="name")
    given, prefix = query.text("tag_name_pattern"), query.text("tag_name_prefix_pattern")
    rows = db.execute(
        "ledger/sql/list_tags.sql",
        pattern=None if given is None else "%" if given == "~" else f"%{given}%",
        prefix=None if prefix is None else "" if prefix == "~" else prefix,
    )
    names = sorted((row[0] for row in rows), reverse=order[0][1])
    return {"tags": names[query.offset() :][: query.limit()], "total_entries": len(names)}
