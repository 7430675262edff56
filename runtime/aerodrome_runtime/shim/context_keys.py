"""The template and callable variables that Airflow 3 removed, each with its modern spelling. Words only."""

from __future__ import annotations

REMOVED_KEYS: dict[str, str] = {
    "execution_date": "logical_date",
    "next_execution_date": "data_interval_end",
    "next_ds": "data_interval_end | ds",
    "next_ds_nodash": "data_interval_end | ds_nodash",
    "prev_execution_date": "prev_data_interval_start_success",
    "prev_ds": "prev_data_interval_start_success | ds",
    "prev_ds_nodash": "prev_data_interval_start_success | ds_nodash",
    "prev_execution_date_success": "prev_data_interval_start_success",
    "yesterday_ds": "macros.ds_add(ds, -1)",
    "yesterday_ds_nodash": "macros.ds_add(ds, -1) | replace('-', '')",
    "tomorrow_ds": "macros.ds_add(ds, 1)",
    "tomorrow_ds_nodash": "macros.ds_add(ds, 1) | replace('-', '')",
    "triggering_dataset_events": "triggering_asset_events",
}

UNCOMMON_KEYS: dict[str, str] = {
    "conf": "from airflow.configuration import conf",
    "test_mode": "nothing: it was always False in a real run",
}
"""Removed too, but their names say too little to look for them in source."""

COSTLY_KEYS = frozenset(
    {"next_execution_date", "next_ds", "next_ds_nodash", "prev_execution_date", "prev_ds", "prev_ds_nodash"}
)
"""These need the schedule: computed for tasks that name them, on first use for others."""
