"""Addresses in messages: of an alert, of a task's log."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings

from controlplane.foundation.db import execute


def slug_of(using: str) -> str:
    """The address of the tenant whose scope is open."""
    return str(execute("alerts/sql/read_slug.sql", using=using)[0][0])


def log_url(
    *,
    dag_id: str | None,
    run_id: str | None,
    task_id: str | None,
    map_index: int,
    try_number: int,
    slug: str,
) -> str | None:
    """Where the try's log is read; of a run without a task, its tasks."""
    if not dag_id or not run_id:
        return None
    run = (
        f"{settings.BASE_URL}/t/{slug}/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
    )
    if not task_id:
        return f"{run}/taskInstances"
    log = f"{run}/taskInstances/{quote(task_id, safe='')}/logs/{max(try_number, 1)}"
    return log if map_index < 0 else f"{log}?map_index={map_index}"


def report_url(*, slug: str, report_id: str) -> str:
    """The report, for people."""
    return f"{settings.BASE_URL}/api/portal/v1/tenants/{slug}/reports/{report_id}"


def alert_url(*, slug: str, alert_id: str) -> str:
    """The alert, for people."""
    return f"{settings.BASE_URL}/api/portal/v1/tenants/{slug}/alerts/{alert_id}"
