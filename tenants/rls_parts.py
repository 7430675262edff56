"""Which rows a part of a tenant holds: the policies of the database role `aerodrome_granted`.

A request whose caller holds what it needs for a part only (`tenants.part`) opens its scopes as that role. It
has the privileges of `aerodrome_app`, and one restrictive policy more on each table that hangs on what can be
granted. The policies are made from the model, so that a new table with a DAG, a run or a task instance in it
is narrowed without a line of its own. `app.area` says which kind of rows is narrowed; when it is not set, none
of them is there.
Source: PostgreSQL documentation, "Row Security Policies"; a policy's sub-queries are under the policies, too.
"""

from __future__ import annotations

from typing import Any

ROLE = "aerodrome_granted"
POLICY = "granted_part"

_NAMED = {
    "dag": (
        "dag_id IN (SELECT unnest(app.granted('dag')))"
        " OR tags ?| (SELECT app.granted('tag')) OR owners ?| (SELECT app.granted('owner'))"
    ),
    "pool": "name IN (SELECT unnest(app.granted('pool')))",
    "connection": "EXISTS (SELECT FROM unnest(app.granted('connection')) AS start WHERE starts_with(conn_id, start))",
    "variable": "EXISTS (SELECT FROM unnest(app.granted('variable')) AS start WHERE starts_with(key, start))",
}
"""Table of what is granted by name -> which of its rows. IN a sub-query, and not = ANY of an array: Postgres hashes the
first, and compares with each of the second (a count of 10,000 DAGs with 1,000 grants: 4 ms, and 1,020)."""
_SPECIAL = {
    "import_error": "EXISTS (SELECT FROM dag WHERE dag.relative_fileloc = import_error.filename)",
    "rendered_field": "EXISTS (SELECT FROM task_instance ti WHERE ti.tenant_id = rendered_field.tenant_id"
    " AND ti.id = rendered_field.id)",
}
_UPWARDS = ("dag", "dag_run", "dag_version", "task_instance", "backfill")
"""Tables whose rows are a DAG's: a foreign key to one of them makes a row the DAG's as well."""
_WHOLE = frozenset({"event_log", "asset_state"})
"""Reviewed: they name a DAG, and what reads them cannot be granted for a part; any request may add to them."""


def condition_of(model: Any) -> str | None:
    """The policy's condition for a model's table; None: parts do not narrow it."""
    table = model._meta.db_table
    area = table if table in _NAMED else "dag"
    conditions = [_NAMED[table]] if table in _NAMED else _links(model)
    if not conditions:
        return None
    return f"(SELECT app.area_is_whole('{area}')) OR ({' AND '.join(f'({one})' for one in conditions)})"


def policy_of(model: Any) -> str | None:
    """The statement that makes it."""
    condition = condition_of(model)
    if condition is None:
        return None
    return (
        f'CREATE POLICY {POLICY} ON "{model._meta.db_table}" AS RESTRICTIVE FOR ALL TO {ROLE} '
        f"USING ({condition}) WITH CHECK ({condition})"
    )


def _links(model: Any) -> list[str]:
    table = model._meta.db_table
    if table in _WHOLE:
        return []
    if table in _SPECIAL:
        return [_SPECIAL[table]]
    fields = model._meta.local_fields
    if any(field.column == "dag_id" and not field.is_relation for field in fields):
        return [f'"{table}".dag_id IN (SELECT dag.dag_id FROM dag)']  # noqa: S608  names of our own models
    found = []
    for field in fields:
        target = field.related_model if field.is_relation else None
        name = target if isinstance(target, str) or target is None else target._meta.db_table
        if name in _UPWARDS and name != table:
            column = f'"{table}"."{field.column}"'
            # Not IN: a run or a task instance is looked up by its key, not all of them listed.
            there = f'EXISTS (SELECT FROM "{name}" up WHERE up.tenant_id = "{table}".tenant_id AND up.id = {column})'
            found.append(f"{column} IS NULL OR {there}" if field.null else there)
    return found
