"""Which DAGs a list shows: Airflow's filters and orders on our rows."""

from __future__ import annotations

from functools import reduce
from operator import and_, or_

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, NullIf

from api.v2.bundle_names import BUNDLE_NAME
from api.v2.listing import patterns, within
from api.v2.query import Query
from controlplane.ledger.models.asset_reference import AssetReference
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_favorite import DagFavorite
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion

RUN_STATES = ("queued", "running", "success", "failed")
TIMETABLES = {
    "null": "airflow.timetables.simple.NullTimetable",
    "once": "airflow.timetables.simple.OnceTimetable",
    "continuous": "airflow.timetables.simple.ContinuousTimetable",
    "asset": "airflow.timetables.simple.AssetTriggeredTimetable",
    "cron": "airflow.timetables.interval.CronDataIntervalTimetable",
    "delta": "airflow.timetables.interval.DeltaDataIntervalTimetable",
    "trigger_cron": "airflow.timetables.trigger.CronTriggerTimetable",
    "trigger_delta": "airflow.timetables.trigger.DeltaTriggerTimetable",
    "multi_trigger_cron": "airflow.timetables.trigger.MultipleCronTriggerTimetable",
    "events": "airflow.timetables.events.EventsTimetable",
    "asset_or_time": "airflow.timetables.assets.AssetOrTimeSchedule",
}
"""Our kinds of timetable by the names that `timetable_type` takes."""
ORDERS = {
    "dag_id": "dag_id",
    "dag_display_name": "shown_name",
    "next_dagrun": "next_logical_date",
    "last_run_state": "last_state",
    "last_run_start_date": "last_start",
    "state": "last_state",
    "start_date": "last_start",
}


def search_dags(query: Query) -> QuerySet[Dag]:
    """The rows; columns for orders that need another table are there only when asked for."""
    rows = Dag.objects.all()
    rows = rows.alias(shown_name=Coalesce(NullIf("display_name", Value("")), "dag_id"))
    rows = patterns(rows, query, dag_id="dag_id", dag_display_name="shown_name")
    if query.boolean("exclude_stale") is not False:
        rows = rows.filter(is_stale=False)
    for name, field in (("paused", "is_paused"), ("has_import_errors", "has_import_errors")):
        if (wanted := query.boolean(name)) is not None:
            rows = rows.filter(**{field: wanted})
    rows = _by_lists(rows, query)
    rows = _by_bundle(rows, query)
    rows = _by_timetable(rows, query)
    return _by_last_run(rows, query)


def _by_lists(rows: QuerySet[Dag], query: Query) -> QuerySet[Dag]:
    if tags := query.texts("tags"):
        has = [Q(tags__contains=[tag]) for tag in tags]
        rows = rows.filter(
            reduce(and_ if query.choice("tags_match_mode", ("any", "all")) == "all" else or_, has)
        )
    if owners := query.texts("owners"):
        rows = rows.filter(reduce(or_, [Q(owners__contains=[owner]) for owner in owners]))
    return rows


def _by_bundle(rows: QuerySet[Dag], query: Query) -> QuerySet[Dag]:
    if (name := query.text("bundle_name")) is not None and name != BUNDLE_NAME:
        rows = rows.none()
    if (version := query.text("bundle_version")) is not None:
        rows = rows.filter(Q(bundle_version__commit_sha=version) | Q(bundle_version__digest=version))
    return rows


def by_favorite(rows: QuerySet[Dag], query: Query, owner: str) -> QuerySet[Dag]:
    """Those that `owner` marked, or did not, when the query asks for it."""
    wanted = query.boolean("is_favorite")
    if wanted is None:
        return rows
    marked = Exists(DagFavorite.objects.filter(dag_id=OuterRef("id"), owner=owner))
    return rows.filter(marked if wanted else ~marked)


def _by_timetable(rows: QuerySet[Dag], query: Query) -> QuerySet[Dag]:
    newest = DagVersion.objects.filter(id=OuterRef("current_version_id"))
    waiting = AssetReference.objects.filter(dag_row_id=OuterRef("id"), kind="schedule", asset__isnull=False)
    if types := query.texts("timetable_type"):
        kinds = [kind for kind, name in TIMETABLES.items() if name in types]
        rows = rows.filter(Exists(newest.filter(spec__timetable__kind__in=kinds)))
    if (asset := query.text("asset_dependency")) is not None:
        named = Q(asset__name__icontains=asset) | Q(asset__uri__icontains=asset)
        rows = rows.filter(Exists(waiting.filter(named)))
    has_assets = query.boolean("has_asset_schedule")
    if has_assets is not None:
        scheduled = Exists(waiting)
        rows = rows.filter(scheduled if has_assets else ~scheduled)
    return rows


def _by_last_run(rows: QuerySet[Dag], query: Query) -> QuerySet[Dag]:
    orders = {name.lstrip("-") for name in query.texts("order_by")}
    last_state = query.choice("last_dag_run_state", RUN_STATES)
    any_states = query.texts("dag_run_state")
    started, ended = query.instants("dag_run_start_date"), query.instants("dag_run_end_date")
    last = DagRun.objects.filter(dag_id=OuterRef("dag_id")).order_by("-run_after")[:1]
    if last_state or any_states or orders & {"last_run_state", "last_run_start_date", "state", "start_date"}:
        rows = rows.alias(
            last_state=Subquery(last.values("state")), last_start=Subquery(last.values("start_date"))
        )
    if last_state:
        rows = rows.filter(last_state=last_state)
    if any_states:
        rows = rows.filter(last_state__in=any_states)
    if started.bounds or ended.bounds:
        rows = rows.alias(
            run_start=Subquery(last.values("start_date")), run_end=Subquery(last.values("end_date"))
        )
        rows = within(within(rows, "run_start", started), "run_end", ended)
    return rows
