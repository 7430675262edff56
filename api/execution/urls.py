"""The paths below `/execution/`, as in Airflow 3.3.2. Order matters: keys may hold slashes."""

from __future__ import annotations

from django.urls import path, re_path, register_converter
from django.urls.converters import StringConverter

from api.execution import (
    asset_store,
    assets,
    connection_tests,
    connections,
    dag_runs,
    dags,
    health,
    hitl,
    task_instances,
    task_lookups,
    task_store,
    variables,
    xcoms,
)
from api.execution.gate import public, routed


class NameOrUri(StringConverter):
    """By what an asset is named."""

    regex = "name|uri"


register_converter(NameOrUri, "name_or_uri")

_TI = "task-instances/<str:task_instance_id>"
_XCOM = r"^xcoms/(?P<dag_id>[^/]+)/(?P<run_id>[^/]+)/(?P<task_id>[^/]+)/(?P<key>.+)"
_KEPT = "store/asset/by-<name_or_uri:by>"

urlpatterns = [
    path("health", public(health.health)),
    path("health/ping", public(health.ping)),
    path("task-instances/count", routed(GET=task_lookups.count)),
    path("task-instances/states", routed(GET=task_lookups.states)),
    path("task-instances/breadcrumbs", routed(GET=task_lookups.breadcrumbs)),
    path("task-instances/previous/<str:dag_id>/<str:task_id>", routed(GET=task_lookups.previous)),
    path(f"{_TI}/run", routed(PATCH=task_instances.run)),
    path(f"{_TI}/state", routed(PATCH=task_instances.put_state)),
    path(f"{_TI}/heartbeat", routed(PUT=task_instances.heartbeat)),
    path(f"{_TI}/rtif", routed(PUT=task_instances.put_rendered_fields)),
    path(f"{_TI}/rendered-map-index", routed(PATCH=task_instances.put_rendered_map_index)),
    path(f"{_TI}/skip-downstream", routed(PATCH=task_instances.skip_downstream)),
    path(f"{_TI}/previous-successful-dagrun", routed(GET=task_instances.previous_successful_run)),
    path(f"{_TI}/validate-inlets-and-outlets", routed(GET=assets.validate)),
    path("task-reschedules/<str:task_instance_id>/start_date", routed(GET=task_lookups.reschedule_start)),
    path("connections/<str:connection_id>", routed(GET=connections.get)),
    path(
        "variables/keys",
        routed(GET=variables.keys, PUT=variables.put, DELETE=variables.delete),
        {"key": "keys"},
    ),
    path("variables/<path:key>", routed(GET=variables.get, PUT=variables.put, DELETE=variables.delete)),
    re_path(_XCOM + r"/item/(?P<offset>-?[0-9]{1,9})$", routed(GET=xcoms.item)),
    re_path(_XCOM + r"/slice$", routed(GET=xcoms.part)),
    re_path(_XCOM + r"$", routed(GET=xcoms.get, HEAD=xcoms.head, POST=xcoms.put, DELETE=xcoms.delete)),
    path("dag-runs/count", routed(GET=dag_runs.count)),
    path("dag-runs/previous", routed(GET=dag_runs.previous)),
    path(
        "dag-runs/<str:dag_id>/previous",
        routed(GET=dag_runs.previous_of, POST=dag_runs.start_called_previous),
    ),
    path("dag-runs/<str:dag_id>/<str:run_id>", routed(GET=dag_runs.detail, POST=dag_runs.start)),
    path("dag-runs/<str:dag_id>/<str:run_id>/state", routed(GET=dag_runs.state)),
    path("dag-runs/<str:dag_id>/<str:run_id>/clear", routed(POST=dag_runs.clear)),
    path("dags/<str:dag_id>", routed(GET=dags.detail)),
    path("assets/by-name", routed(GET=assets.by_name)),
    path("assets/by-uri", routed(GET=assets.by_uri)),
    path("assets/by-alias", routed(GET=assets.by_alias)),
    path("asset-events/by-asset", routed(GET=assets.events_by_asset)),
    path("asset-events/by-asset-alias", routed(GET=assets.events_by_alias)),
    path(f"{_KEPT}/value", routed(GET=asset_store.get, PUT=asset_store.put, DELETE=asset_store.delete)),
    path(f"{_KEPT}/clear", routed(DELETE=asset_store.clear)),
    path("store/ti/<str:task_instance_id>", routed(DELETE=task_store.clear)),
    path(
        "store/ti/<str:task_instance_id>/<path:key>",
        routed(GET=task_store.get, PUT=task_store.put, DELETE=task_store.delete),
    ),
    path(
        "hitlDetails/<str:task_instance_id>",
        routed(GET=hitl.read, POST=hitl.ask, PATCH=hitl.update),
    ),
    path("connection-tests/<str:test_id>", routed(PATCH=connection_tests.told)),
    path("connection-tests/<str:test_id>/connection", routed(GET=connection_tests.asked)),
    re_path(r"^.*$", public(health.nothing_here)),
]
