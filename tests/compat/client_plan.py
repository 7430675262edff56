"""Every method of `apache-airflow-client`, with what it is called with, in an order in which all can be answered.

Bodies are JSON: the walk makes the client's own model of each. A method whose name is in `REFUSED` raises that.
"""

from __future__ import annotations

from typing import Any

from airflow_client.client.exceptions import (
    BadRequestException,
    ForbiddenException,
    NotFoundException,
)

ETL = {"dag_id": "etl"}
RUN = {**ETL, "dag_run_id": "run_1"}
ONE = {**RUN, "task_id": "task_0"}
AT = {**ONE, "map_index": -1}
TWO = {**RUN, "task_id": "task_1"}
DAY = "2026-01-01T00:00:00Z"
BACKFILL = {"dag_id": "daily", "from_date": DAY, "to_date": "2026-01-02T00:00:00Z"}

ASSETS = [
    ("get_assets", {}),
    ("get_asset", {"asset_id": "ASSET"}),
    ("create_asset_event", {"body": {"asset_id": "ASSET", "extra": {"a": 1}}}),
    ("get_asset_events", {}),
    ("get_asset_aliases", {}),
    ("get_asset_alias", {"asset_alias_id": 1}),
    ("get_asset_queued_events", {"asset_id": "ASSET"}),
    ("get_dag_asset_queued_events", {"dag_id": "waits"}),
    ("get_dag_asset_queued_event", {"dag_id": "waits", "asset_id": "ASSET"}),
    ("delete_dag_asset_queued_event", {"dag_id": "waits", "asset_id": "ASSET"}),
    ("create_asset_event", {"body": {"asset_id": "ASSET"}}),
    ("delete_dag_asset_queued_events", {"dag_id": "waits"}),
    ("create_asset_event", {"body": {"asset_id": "ASSET"}}),
    ("delete_asset_queued_events", {"asset_id": "ASSET"}),
    ("materialize_asset", {"asset_id": "ASSET"}),
    ("set_asset_state_store", {"asset_id": "ASSET", "key": "k", "body": {"value": 1}}),
    ("get_asset_state_store", {"asset_id": "ASSET", "key": "k"}),
    ("list_asset_state_store", {"asset_id": "ASSET"}),
    ("delete_asset_state_store", {"asset_id": "ASSET", "key": "k"}),
    ("clear_asset_state_store", {"asset_id": "ASSET"}),
]
BACKFILLS = [
    ("create_backfill_dry_run", {"body": BACKFILL}),
    ("create_backfill", {"body": BACKFILL}),
    ("list_backfills", {"dag_id": "daily"}),
    ("get_backfill", {"backfill_id": 1}),
    ("pause_backfill", {"backfill_id": 1}),
    ("unpause_backfill", {"backfill_id": 1}),
    ("cancel_backfill", {"backfill_id": 1}),
]
CONNECTION = {"connection_id": "c", "conn_type": "http"}
PLATFORM = [
    ("get_version", {}),
    ("get_health", {}),
    ("get_config", {}),
    ("get_config_value", {"section": "core", "option": "dags_folder"}),
    ("get_plugins", {}),
    ("import_errors", {}),
    ("get_providers", {}),
    ("get_jobs", {}),
    ("login", {}),
    ("post_connection", {"body": CONNECTION}),
    ("get_connections", {}),
    ("get_connection", {"connection_id": "c"}),
    ("patch_connection", {"connection_id": "c", "body": CONNECTION}),
    ("bulk_connections", {"body": {"actions": [{"action": "update", "entities": [CONNECTION]}]}}),
    ("test_connection", {"body": CONNECTION}),
    ("enqueue_connection_test", {"body": CONNECTION}),
    ("get_connection_test", {"airflow_connection_test_token": "none"}),
    ("create_default_connections", {}),
    ("delete_connection", {"connection_id": "c"}),
    ("post_pool", {"body": {"name": "p", "slots": 1}}),
    ("get_pools", {}),
    ("get_pool", {"pool_name": "p"}),
    ("patch_pool", {"pool_name": "p", "body": {"slots": 2}}),
    ("bulk_pools", {"body": {"actions": [{"action": "create", "entities": [{"name": "q", "slots": 1}]}]}}),
    ("delete_pool", {"pool_name": "p"}),
    ("post_variable", {"body": {"key": "v", "value": "1"}}),
    ("get_variables", {}),
    ("get_variable", {"variable_key": "v"}),
    ("patch_variable", {"variable_key": "v", "body": {"key": "v", "value": "2"}}),
    ("bulk_variables", {"body": {"actions": [{"action": "delete", "entities": ["v"]}]}}),
    ("delete_variable", {"variable_key": "v"}),
]
DAGS = [
    ("get_dags", {}),
    ("get_dag", ETL),
    ("get_dag_details", ETL),
    ("get_dag_tags", {}),
    ("patch_dag", {**ETL, "body": {"is_paused": True}}),
    ("patch_dags", {"dag_id_pattern": "etl", "body": {"is_paused": False}}),
    ("favorite_dag", ETL),
    ("unfavorite_dag", ETL),
    ("reparse_dag_file", {"file_token": "TOKEN"}),
    ("get_dag_source", ETL),
    ("get_dag_stats", {}),
    ("get_dag_versions", ETL),
    ("get_dag_version", {**ETL, "version_number": 1}),
    ("list_dag_warnings", {}),
    ("get_import_errors", {}),
    ("get_import_error", {"import_error_id": 7}),
    ("get_event_logs", {}),
    ("get_event_log", {"event_log_id": 1}),
    ("get_tasks", ETL),
    ("get_task", {**ETL, "task_id": "task_0"}),
]
RUNS = [
    ("get_dag_runs", ETL),
    ("get_dag_run", RUN),
    ("trigger_dag_run", {**ETL, "body": {"dag_run_id": "run_2", "logical_date": None}}),
    ("get_list_dag_runs_batch", {"dag_id": "~", "body": {"dag_ids": ["etl"]}}),
    ("get_upstream_asset_events", RUN),
    ("patch_dag_run", {**RUN, "body": {"note": "seen"}}),
    ("clear_dag_run", {**RUN, "body": {"dry_run": False}}),
    ("clear_dag_runs", {**ETL, "body": {"dag_runs": [{"dag_run_id": "run_2"}], "dry_run": False}}),
    ("clear_dag_run_partitions", {**ETL, "body": {"partition_key": "none"}}),
]
STATE = {"new_state": "success"}
TASKS = [
    ("get_task_instances", RUN),
    ("get_task_instances_batch", {"dag_id": "~", "dag_run_id": "~", "body": {"dag_ids": ["etl"]}}),
    ("get_task_instance", ONE),
    ("get_mapped_task_instance", AT),
    ("get_mapped_task_instances", {**RUN, "task_id": "many"}),
    ("get_task_instance_dependencies", ONE),
    ("get_task_instance_dependencies_by_map_index", AT),
    ("get_task_instance_tries", ONE),
    ("get_mapped_task_instance_tries", AT),
    ("get_task_instance_try_details", {**ONE, "task_try_number": 1}),
    ("get_mapped_task_instance_try_details", {**AT, "task_try_number": 1}),
    ("get_log", {**ONE, "try_number": 2, "accept": "application/json"}),
    ("get_external_log_url", {**ONE, "try_number": 1}),
    ("get_extra_links", ONE),
    ("create_xcom_entry", {**ONE, "body": {"key": "k", "value": {"a": 1}}}),
    ("get_xcom_entries", ONE),
    ("get_xcom_entry", {**ONE, "xcom_key": "k"}),
    ("update_xcom_entry", {**ONE, "xcom_key": "k", "body": {"value": 2}}),
    ("delete_xcom_entry", {**ONE, "xcom_key": "k"}),
    ("set_task_state_store", {**ONE, "key": "k", "body": {"value": 1, "expires_at": None}}),
    ("get_task_state_store", {**ONE, "key": "k"}),
    ("list_task_state_store", ONE),
    ("patch_task_state_store", {**ONE, "key": "k", "body": {"value": 2}}),
    ("delete_task_state_store", {**ONE, "key": "k"}),
    ("clear_task_state_store", ONE),
    ("get_hitl_details", {"dag_id": "ASKED", "dag_run_id": "ASKED_RUN"}),
    ("get_hitl_detail", {"dag_id": "ASKED", "dag_run_id": "ASKED_RUN", "task_id": "first", "map_index": -1}),
    (
        "update_hitl_detail",
        {
            "dag_id": "ASKED",
            "dag_run_id": "ASKED_RUN",
            "task_id": "first",
            "map_index": -1,
            "body": {"chosen_options": ["Approve"]},
        },
    ),
    (
        "get_hitl_detail_try_detail",
        {"dag_id": "ASKED", "dag_run_id": "ASKED_RUN", "task_id": "first", "map_index": -1, "try_number": 1},
    ),
    ("patch_task_instance_dry_run", {**ONE, "body": STATE}),
    ("patch_task_instance_dry_run_by_map_index", {**AT, "body": STATE}),
    ("patch_task_instance", {**ONE, "body": STATE}),
    ("patch_task_instance_by_map_index", {**AT, "body": {"note": "n"}}),
    ("patch_task_group_instances_dry_run", {**RUN, "group_id": "g", "body": STATE}),
    ("patch_task_group_instances", {**RUN, "group_id": "g", "body": STATE}),
    (
        "bulk_task_instances",
        {
            **RUN,
            "body": {"actions": [{"action": "update", "entities": [{"task_id": "task_1", "note": "b"}]}]},
        },
    ),
    ("post_clear_task_instances", {**ETL, "body": {"dag_run_id": "run_1", "dry_run": False}}),
    ("patch_dag_run", {**RUN, "body": {"state": "success"}}),
    ("wait_dag_run_until_finished", {**RUN, "interval": 1}),
    ("delete_task_instance", TWO),
    ("bulk_dag_runs", {**ETL, "body": {"actions": [{"action": "delete", "entities": ["none"]}]}}),
    ("delete_dag_run", RUN),
    ("delete_dag", {"dag_id": "daily"}),
]
LAST: list[tuple[str, dict[str, Any]]] = [("logout", {})]
"""Ends the sign-in that all others stand on."""
PLAN: list[tuple[str, dict[str, Any]]] = [*PLATFORM, *DAGS, *ASSETS, *BACKFILLS, *RUNS, *TASKS, *LAST]

REFUSED: dict[str, type[Exception]] = {
    "get_config": ForbiddenException,
    "get_config_value": ForbiddenException,
    "get_connection_test": NotFoundException,
    "create_default_connections": ForbiddenException,
    "delete_variable": NotFoundException,  # the bulk before it took it
    "get_external_log_url": BadRequestException,
    "login": NotFoundException,  # follows the redirect to the portal's page, which a server without it lacks
    "logout": NotFoundException,
}
UNREADABLE = {
    "clear_dag_run": "to the client's models one answer is two things",
    "clear_dag_runs": "the same",
    "clear_dag_run_partitions": "the same",
    "wait_dag_run_until_finished": "lines of JSON are no JSON to the client",
}
"""Methods whose answers the client cannot read, whoever gives them: called for their bare bodies."""
