"""What became of periodic work: one row per job, and one (`beat`) for who asks for it. No content of a tenant."""

from __future__ import annotations

from django.db import models

from tenants.rls import PlatformTable

BEAT = "beat"
"""The row whose lease makes one process the beat."""


class PeriodicJob(models.Model):
    """`asked_at`: its schedule came due; `started_at`, `ended_at`: its last run. Asked and never started, or started
    and its lease over without an end: it is asked for again. `fence` rises with each start.

    Its schedule is the row of django-celery-beat of the same name."""

    name = models.CharField(max_length=100, primary_key=True)
    asked_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    fence = models.IntegerField(db_default=0)
    lease_until = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=200, null=True)
    outcome = models.CharField(max_length=10, null=True)
    """`done` or `failed`; null while it never ended."""
    message = models.CharField(max_length=500, null=True)
    runs = models.BigIntegerField(db_default=0)
    failures = models.BigIntegerField(db_default=0)

    class Meta:
        db_table = "periodic_job"
        constraints = [
            PlatformTable(
                name="periodic_job_grants",
                grants={"scheduler": "SELECT, INSERT, UPDATE, DELETE"},
            )
        ]
