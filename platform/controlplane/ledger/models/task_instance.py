"""One task of one run: its state, its epoch, and its counts of upstream outcomes."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class TaskInstance(TenantModel):
    """`state` NULL is Airflow's "no status". `epoch` is the fencing token: raised by each dispatch, clear and
    rescue, and named in every later write. Columns that change at each step carry no index of their own."""

    dag_run = tenant_link("ledger.DagRun")
    dag_version = tenant_link("ledger.DagVersion")
    dag_id = models.CharField(max_length=250)
    run_id = models.CharField(max_length=250)
    task_id = models.CharField(max_length=250)
    task_index = models.IntegerField()
    map_index = models.IntegerField(db_default=-1)
    is_mapped = models.BooleanField(db_default=False)
    """True with `map_index` -1: not expanded yet."""
    map_lengths = ArrayField(models.IntegerField(), null=True)
    """In nested mapped groups: how long each is, outermost first."""
    state = models.CharField(max_length=20, null=True)
    epoch = models.IntegerField(db_default=0)
    try_number = models.IntegerField(db_default=0)
    max_tries = models.IntegerField(db_default=0)
    trigger_rule = models.SmallIntegerField()
    upstream_total = models.IntegerField()
    upstream_success = models.IntegerField(db_default=0)
    upstream_failed = models.IntegerField(db_default=0)
    upstream_upstream_failed = models.IntegerField(db_default=0)
    upstream_skipped = models.IntegerField(db_default=0)
    upstream_removed = models.IntegerField(db_default=0)
    upstream_setup_total = models.IntegerField(db_default=0)
    upstream_setup_success = models.IntegerField(db_default=0)
    upstream_setup_skipped = models.IntegerField(db_default=0)
    pool = models.CharField(max_length=256)
    pool_slots = models.IntegerField(db_default=1)
    queue = models.CharField(max_length=256)
    executor = models.CharField(max_length=100, null=True)
    priority_weight = models.IntegerField(db_default=1)
    yields = models.BooleanField(db_default=False)
    """Part of a backfill: admitted after everything else, and within the tenant's share for backfills."""
    operator = models.CharField(max_length=250)
    held_reason = models.CharField(max_length=500, null=True)
    """Why it waits, for people: not admitted, deferred, its past, what a retry policy said. NULL once it does not."""
    past_run_id = models.UUIDField(null=True)
    """Waiting (state NULL) for its past: the run before, whose instances it asks. No key: looked up when asked."""
    due_at = models.DateTimeField(null=True)
    """When a retry or a reschedule is due."""
    scheduled_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(null=True)
    start_date = models.DateTimeField(null=True)
    end_date = models.DateTimeField(null=True)
    last_heartbeat_at = models.DateTimeField(null=True)
    hostname = models.CharField(max_length=250, db_default="")
    unixname = models.CharField(max_length=150, db_default="")
    pid = models.IntegerField(null=True)
    agent_id = models.UUIDField(null=True)
    next_method = models.CharField(max_length=1000, null=True)
    next_kwargs = models.JSONField(null=True)
    reschedules = models.IntegerField(db_default=0)
    first_rescheduled_at = models.DateTimeField(null=True)
    """When this try began, once it has rescheduled: a sensor's timeout counts from here."""
    rendered_map_index = models.CharField(max_length=250, null=True)
    died = models.JSONField(null=True)
    """How the last attempt's process died, when it did not say so itself."""
    note = models.TextField(null=True)
    ran_version_id = models.UUIDField(null=True)
    """What its newest try ran, when its run has moved to another version since; NULL: what the run has."""
    ran_bundle_id = models.UUIDField(null=True)

    class Meta:
        db_table = "task_instance"
        indexes = [
            models.Index(fields=["tenant", "dag_run", "task_index", "map_index"], name="task_instance_place"),
            models.Index(
                fields=["tenant", "yields", "-priority_weight", "id"],
                name="task_instance_ready",
                condition=models.Q(state="scheduled"),
            ),
            models.Index(
                fields=["tenant", "id"],
                name="task_instance_active",
                condition=models.Q(
                    state__in=["queued", "running", "restarting", "deferred", "awaiting_input"]
                ),
            ),
            models.Index(fields=["tenant", "dag_id", "task_id", "-id"], name="task_instance_history"),
            models.Index(
                fields=["tenant", "past_run_id"],
                name="task_instance_past",
                condition=models.Q(past_run_id__isnull=False),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "dag_run", "task_id", "map_index"], name="task_instance_uk"
            ),
            TenantTable(name="task_instance_wall"),
            TenantForeignKey(name="task_instance_run_fk", column="dag_run_id", target="dag_run"),
        ]
