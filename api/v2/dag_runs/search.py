"""Which runs a list shows: Airflow's filters and orders on our rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import DurationField, ExpressionWrapper, F, FloatField, Q, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce, Extract

from api.v2.listing import any_of, patterns, within
from api.v2.query import Query
from api.v2.refusals import Refusal
from controlplane.ledger.models.asset_event_run import AssetEventRun
from controlplane.ledger.models.dag_run import DagRun

STATES = ("queued", "running", "success", "failed")
TYPES = ("backfill", "scheduled", "manual", "operator_triggered", "asset_triggered", "asset_materialization")
ORDERS = {
    "id": "id",
    "state": "state",
    "dag_id": "dag_id",
    "run_id": "run_id",
    "dag_run_id": "run_id",
    "logical_date": "logical_date",
    "partition_date": "partition_key",
    "run_after": "run_after",
    "start_date": "start_date",
    "end_date": "end_date",
    "updated_at": "changed_at",
    "conf": "conf",
    "duration": "seconds",
}


def all_runs() -> QuerySet[DagRun]:
    """Every run of the tenant, with what responses and orders need."""
    length = ExpressionWrapper(F("end_date") - F("start_date"), output_field=DurationField())
    rows = DagRun.objects.all()
    return rows.annotate(
        seconds=Extract(length, "epoch", output_field=FloatField()),
        changed_at=Coalesce("end_date", "last_scheduling_decision", "start_date", "queued_at"),
    )


def search_runs(rows: QuerySet[DagRun], query: Query, *, now: datetime) -> QuerySet[DagRun]:
    """The filters of GET …/dagRuns."""
    for name, field in (
        ("run_after", "run_after"),
        ("logical_date", "logical_date"),
        ("updated_at", "changed_at"),
    ):
        rows = within(rows, field, query.instants(name))
    for name in ("start_date", "end_date"):
        rows = within(rows, name, query.instants(name), open_until=now)
    rows = within(rows, "seconds", query.numbers("duration"))
    rows = any_of(rows, "state", chosen(query.texts("state"), STATES, "state"))
    rows = any_of(rows, "run_type", chosen(query.texts("run_type"), TYPES, "run type"))
    rows = any_of(rows, "dag_version__version_number", query.integers("dag_version"))
    if (version := query.text("bundle_version")) is not None:
        rows = rows.filter(Q(bundle_version__commit_sha=version) | Q(bundle_version__digest=version))
    if text := query.text("conf_contains"):
        rows = conf_contains(rows, text)
    if text := query.text("consuming_asset_pattern"):
        named = Q(event__asset__name__icontains=text) | Q(event__asset__uri__icontains=text)
        rows = rows.filter(id__in=AssetEventRun.objects.filter(named).values("dag_run_id"))
    return patterns(
        rows,
        query,
        run_id="run_id",
        dag_id="dag_id",
        triggering_user_name="triggering_user_name",
        partition_key="partition_key",
    )


def conf_contains(rows: QuerySet[DagRun], text: str) -> QuerySet[DagRun]:
    """Runs whose conf, as JSON text, has the text somewhere."""
    return rows.alias(conf_text=Cast("conf", TextField())).filter(conf_text__icontains=text)


def chosen(values: list[str] | list[Any], allowed: tuple[str, ...], what: str) -> list[str | None]:
    """The values, `none` as None. Raises Airflow's 422 for a word that is none of them."""
    found = [None if value in ("none", "no_status", None) else value for value in values]
    if any(value is not None and value not in allowed for value in found):
        raise Refusal(422, f"Invalid value for {what}. Valid values are {', '.join(allowed)}")
    return found
