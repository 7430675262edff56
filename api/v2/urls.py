"""Paths of the Airflow API, below `/t/<slug>/`. Parts that may hold slashes come last, as in Airflow."""

from __future__ import annotations

from functools import partial

from django.urls import path, register_converter

from api.v2.asset_state_store import views as asset_states
from api.v2.assets import events as asset_events
from api.v2.assets import queued as queued_events
from api.v2.assets import views as assets
from api.v2.auth import views as auth
from api.v2.backfills import views as backfills
from api.v2.config import views as config
from api.v2.connections import bulk as many_connections
from api.v2.connections import testing
from api.v2.connections import views as connections
from api.v2.dag_runs import bulk as many_runs
from api.v2.dag_runs import clear as clear_runs
from api.v2.dag_runs import views as runs
from api.v2.dag_runs import wait
from api.v2.dag_stats import views as stats
from api.v2.dag_versions import views as versions
from api.v2.dags import favorites, parsing
from api.v2.dags import views as dags
from api.v2.event_logs import views as event_logs
from api.v2.extra_links import views as links
from api.v2.hitl import views as questions
from api.v2.import_errors import views as import_errors
from api.v2.logs import views as logs
from api.v2.monitor import views as monitor
from api.v2.operation import View, by_method
from api.v2.pools import bulk as many_pools
from api.v2.pools import views as pools
from api.v2.task_instances import bulk, clear, dependencies, mark, tries
from api.v2.task_instances import views as instances
from api.v2.task_state_store import views as task_states
from api.v2.tasks import views as tasks
from api.v2.variables import bulk as many_variables
from api.v2.variables import views as variables
from api.v2.xcoms import views as xcoms
from api.v2.xcoms import writing as xcom_writing


class SignedConverter:
    """A whole number, with a minus: map indexes."""

    regex = r"-?[0-9]{1,9}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(SignedConverter, "signed")


def _named(connection_id: str) -> dict[str, View]:
    """A connection may have the name of an operation beside it."""
    return {
        "GET": partial(connections.get_connection, connection_id=connection_id),
        "PATCH": partial(connections.patch_connection, connection_id=connection_id),
        "DELETE": partial(connections.delete_connection, connection_id=connection_id),
    }


_RUNS = "api/v2/dags/<str:dag_id>/dagRuns"
_RUN = f"{_RUNS}/<str:dag_run_id>"
_TASKS = f"{_RUN}/taskInstances"
_TASK = f"{_TASKS}/<str:task_id>"
_MAPPED = f"{_TASK}/<signed:map_index>"

urlpatterns = [
    path("auth/token", by_method(POST=auth.create_token, GET=auth.refuse_anonymous)),
    path("auth/token/cli", by_method(POST=auth.create_token_cli)),
    path("auth/token/login", by_method(GET=auth.refuse_anonymous)),
    path("api/v2/auth/login", by_method(GET=auth.login)),
    path("api/v2/auth/logout", by_method(GET=auth.logout)),
    path("api/v2/config", by_method(GET=config.get_config)),
    path("api/v2/config/section/<str:section>/option/<str:option>", by_method(GET=config.get_config_value)),
    path("api/v2/plugins", by_method(GET=config.get_plugins)),
    path("api/v2/plugins/importErrors", by_method(GET=config.import_errors)),
    path("api/v2/providers", by_method(GET=config.get_providers)),
    path("api/v2/jobs", by_method(GET=config.get_jobs)),
    path("api/v2/version", by_method(GET=monitor.get_version)),
    path("api/v2/monitor/health", by_method(GET=monitor.get_health)),
    path("api/v2/dags", by_method(GET=dags.get_dags, PATCH=dags.patch_dags)),
    path(
        "api/v2/dags/<str:dag_id>",
        by_method(GET=dags.get_dag, PATCH=dags.patch_dag, DELETE=dags.delete_dag),
    ),
    path("api/v2/dags/<str:dag_id>/favorite", by_method(POST=favorites.favorite_dag)),
    path("api/v2/dags/<str:dag_id>/unfavorite", by_method(POST=favorites.unfavorite_dag)),
    path("api/v2/parseDagFile/<str:file_token>", by_method(PUT=parsing.reparse_dag_file)),
    path("api/v2/dagStats", by_method(GET=stats.get_dag_stats)),
    path("api/v2/dags/<str:dag_id>/clearTaskInstances", by_method(POST=clear.post_clear_task_instances)),
    path("api/v2/dags/<str:dag_id>/clearDagRuns", by_method(POST=clear_runs.clear_dag_runs)),
    path("api/v2/dags/<str:dag_id>/clearPartitions", by_method(POST=clear_runs.clear_dag_run_partitions)),
    path("api/v2/dags/<str:dag_id>/details", by_method(GET=dags.get_dag_details)),
    path("api/v2/dags/<str:dag_id>/tasks", by_method(GET=tasks.get_tasks)),
    path("api/v2/dags/<str:dag_id>/tasks/<str:task_id>", by_method(GET=tasks.get_task)),
    path("api/v2/dags/<str:dag_id>/dagVersions", by_method(GET=versions.get_dag_versions)),
    path(
        "api/v2/dags/<str:dag_id>/dagVersions/<signed:version_number>",
        by_method(GET=versions.get_dag_version),
    ),
    path("api/v2/dagSources/<str:dag_id>", by_method(GET=versions.get_dag_source)),
    path("api/v2/dagTags", by_method(GET=versions.get_dag_tags)),
    path("api/v2/dagWarnings", by_method(GET=import_errors.list_dag_warnings)),
    path("api/v2/importErrors", by_method(GET=import_errors.get_import_errors)),
    path("api/v2/importErrors/<signed:import_error_id>", by_method(GET=import_errors.get_import_error)),
    path("api/v2/eventLogs", by_method(GET=event_logs.get_event_logs)),
    path("api/v2/eventLogs/<signed:event_log_id>", by_method(GET=event_logs.get_event_log)),
    path("api/v2/backfills", by_method(GET=backfills.list_backfills, POST=backfills.post_backfill)),
    path(
        "api/v2/backfills/dry_run",
        by_method(POST=backfills.post_dry_run, GET=partial(backfills.get_backfill, backfill_id="dry_run")),
    ),
    path("api/v2/backfills/<str:backfill_id>", by_method(GET=backfills.get_backfill)),
    path("api/v2/backfills/<str:backfill_id>/pause", by_method(PUT=backfills.put_pause)),
    path("api/v2/backfills/<str:backfill_id>/unpause", by_method(PUT=backfills.put_unpause)),
    path("api/v2/backfills/<str:backfill_id>/cancel", by_method(PUT=backfills.put_cancel)),
    path("api/v2/assets", by_method(GET=assets.get_assets)),
    path("api/v2/assets/aliases", by_method(GET=assets.get_asset_aliases)),
    path("api/v2/assets/aliases/<signed:asset_alias_id>", by_method(GET=assets.get_asset_alias)),
    path(
        "api/v2/assets/events",
        by_method(GET=asset_events.get_asset_events, POST=asset_events.create_asset_event),
    ),
    path("api/v2/assets/<signed:asset_id>", by_method(GET=assets.get_asset)),
    path(
        "api/v2/assets/<signed:asset_id>/state-store",
        by_method(GET=asset_states.list_asset_state_store, DELETE=asset_states.clear_asset_state_store),
    ),
    path(
        "api/v2/assets/<signed:asset_id>/state-store/<path:key>",
        by_method(
            GET=asset_states.get_asset_state_store,
            PUT=asset_states.set_asset_state_store,
            DELETE=asset_states.delete_asset_state_store,
        ),
    ),
    path("api/v2/assets/<signed:asset_id>/materialize", by_method(POST=assets.materialize_asset)),
    path(
        "api/v2/assets/<signed:asset_id>/queuedEvents",
        by_method(GET=queued_events.get_asset_queued_events, DELETE=queued_events.delete_asset_queued_events),
    ),
    path(
        "api/v2/dags/<str:dag_id>/assets/queuedEvents",
        by_method(
            GET=queued_events.get_dag_asset_queued_events,
            DELETE=queued_events.delete_dag_asset_queued_events,
        ),
    ),
    path(
        "api/v2/dags/<str:dag_id>/assets/<signed:asset_id>/queuedEvents",
        by_method(
            GET=queued_events.get_dag_asset_queued_event,
            DELETE=queued_events.delete_dag_asset_queued_event,
        ),
    ),
    path(
        "api/v2/pools",
        by_method(GET=pools.get_pools, POST=pools.post_pool, PATCH=many_pools.bulk_pools),
    ),
    path(
        "api/v2/pools/<path:pool_name>",
        by_method(GET=pools.get_pool, PATCH=pools.patch_pool, DELETE=pools.delete_pool),
    ),
    path(
        "api/v2/variables",
        by_method(
            GET=variables.get_variables,
            POST=variables.post_variable,
            PATCH=many_variables.bulk_variables,
        ),
    ),
    path(
        "api/v2/variables/<path:variable_key>",
        by_method(
            GET=variables.get_variable,
            PATCH=variables.patch_variable,
            DELETE=variables.delete_variable,
        ),
    ),
    path(
        "api/v2/connections",
        by_method(
            GET=connections.get_connections,
            POST=connections.post_connection,
            PATCH=many_connections.bulk_connections,
        ),
    ),
    path("api/v2/connections/test", by_method(POST=testing.test_connection, **_named("test"))),
    path(
        "api/v2/connections/defaults",
        by_method(POST=testing.create_default_connections, **_named("defaults")),
    ),
    path(
        "api/v2/connections/enqueue-test",
        by_method(
            **_named("enqueue-test")
            | {"GET": testing.get_connection_test, "POST": testing.enqueue_connection_test}
        ),
    ),
    path(
        "api/v2/connections/<str:connection_id>",
        by_method(
            GET=connections.get_connection,
            PATCH=connections.patch_connection,
            DELETE=connections.delete_connection,
        ),
    ),
    path(
        _RUNS,
        by_method(GET=runs.get_dag_runs, POST=runs.trigger_dag_run, PATCH=many_runs.bulk_dag_runs),
    ),
    path(
        f"{_RUNS}/list",
        by_method(
            POST=runs.get_list_dag_runs_batch,
            GET=partial(runs.get_dag_run, dag_run_id="list"),
            PATCH=partial(runs.patch_dag_run, dag_run_id="list"),
            DELETE=partial(runs.delete_dag_run, dag_run_id="list"),
        ),
    ),
    path(_RUN, by_method(GET=runs.get_dag_run, PATCH=runs.patch_dag_run, DELETE=runs.delete_dag_run)),
    path(f"{_RUN}/wait", by_method(GET=wait.wait_dag_run_until_finished)),
    path(f"{_RUN}/clear", by_method(POST=clear_runs.clear_dag_run)),
    path(f"{_RUN}/taskGroupInstances/<str:group_id>", by_method(PATCH=mark.patch_task_group_instances)),
    path(
        f"{_RUN}/taskGroupInstances/<str:group_id>/dry_run",
        by_method(PATCH=mark.patch_task_group_instances_dry_run),
    ),
    path(
        f"{_RUN}/upstreamAssetEvents",
        by_method(GET=asset_events.get_upstream_asset_events),
    ),
    path(_TASKS, by_method(GET=instances.get_task_instances, PATCH=bulk.bulk_task_instances)),
    path(
        f"{_TASKS}/list",
        by_method(
            POST=instances.get_task_instances_batch,
            GET=partial(instances.get_task_instance, task_id="list"),
            PATCH=partial(mark.patch_task_instance, task_id="list"),
            DELETE=partial(mark.delete_task_instance, task_id="list"),
        ),
    ),
    path(
        _TASK,
        by_method(
            GET=instances.get_task_instance,
            PATCH=mark.patch_task_instance,
            DELETE=mark.delete_task_instance,
        ),
    ),
    path(f"{_TASK}/dry_run", by_method(PATCH=mark.patch_task_instance_dry_run)),
    path(f"{_TASK}/listMapped", by_method(GET=instances.get_mapped_task_instances)),
    path(f"{_TASK}/dependencies", by_method(GET=dependencies.get_task_instance_dependencies)),
    path(f"{_TASK}/tries", by_method(GET=tries.get_task_instance_tries)),
    path(f"{_TASK}/tries/<signed:try_number>", by_method(GET=tries.get_task_instance_try)),
    path(f"{_TASK}/logs/<signed:try_number>", by_method(GET=logs.get_log)),
    path(f"{_TASK}/links", by_method(GET=links.get_extra_links)),
    path(f"{_TASK}/externalLogUrl/<signed:try_number>", by_method(GET=links.get_external_log_url)),
    path(
        f"{_TASK}/state-store",
        by_method(GET=task_states.list_task_state_store, DELETE=task_states.clear_task_state_store),
    ),
    path(
        f"{_TASK}/state-store/<path:key>",
        by_method(
            GET=task_states.get_task_state_store,
            PUT=task_states.set_task_state_store,
            PATCH=task_states.patch_task_state_store,
            DELETE=task_states.delete_task_state_store,
        ),
    ),
    path(
        f"{_TASK}/xcomEntries",
        by_method(GET=xcoms.get_xcom_entries, POST=xcom_writing.create_xcom_entry),
    ),
    path(
        f"{_TASK}/xcomEntries/<path:xcom_key>",
        by_method(
            GET=xcoms.get_xcom_entry,
            PATCH=xcom_writing.update_xcom_entry,
            DELETE=xcom_writing.delete_xcom_entry,
        ),
    ),
    path(_MAPPED, by_method(GET=instances.get_mapped_task_instance, PATCH=mark.patch_task_instance)),
    path(f"{_MAPPED}/dry_run", by_method(PATCH=mark.patch_task_instance_dry_run)),
    path(
        f"{_MAPPED}/hitlDetails",
        by_method(GET=questions.get_hitl_detail, PATCH=questions.update_hitl_detail),
    ),
    path(
        f"{_MAPPED}/hitlDetails/tries/<signed:try_number>",
        by_method(GET=questions.get_hitl_detail_try_detail),
    ),
    path(f"{_RUN}/hitlDetails", by_method(GET=questions.get_hitl_details)),
    path(f"{_MAPPED}/dependencies", by_method(GET=dependencies.get_task_instance_dependencies)),
    path(f"{_MAPPED}/tries", by_method(GET=tries.get_task_instance_tries)),
    path(f"{_MAPPED}/tries/<signed:try_number>", by_method(GET=tries.get_task_instance_try)),
]
