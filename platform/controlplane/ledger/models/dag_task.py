"""The tasks of a DAG version, as rows: the template from which runs are created in one statement."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class DagTask(TenantModel):
    """`task_index` is the position in `DagSpec.tasks`; `downstream` holds indices."""

    dag_version = tenant_link("ledger.DagVersion")
    task_index = models.IntegerField()
    task_id = models.CharField(max_length=250)
    operator = models.CharField(max_length=250)
    downstream = ArrayField(models.IntegerField())
    counts_into = ArrayField(models.IntegerField(), db_default=[])
    """Those of `downstream` that are decided by counting ends (`readings` NULL)."""
    weighed_by = ArrayField(models.IntegerField(), null=True)
    """Tasks that read this one's instances; NULL when there are none."""
    weighed_same = ArrayField(models.BooleanField(), null=True)
    """Beside `weighed_by`: it reads only the instance of its own map index."""
    readings = models.JSONField(null=True)
    """What it reads to be decided (`domain.readings`); NULL: its ends are counted."""
    known_lengths = ArrayField(models.IntegerField(), null=True)
    """Lengths of the mapped groups around it and its own, outermost first, when the file tells them all."""
    first_count = models.IntegerField(db_default=1)
    """How many instances a new run has of it."""
    upstream_count = models.IntegerField()
    """Instances of its direct upstreams in a new run."""
    setup_upstream_count = models.IntegerField(db_default=0)
    is_leaf = models.BooleanField()
    """Its outcome decides the run's (`domain.graph.deciding_tasks`)."""
    is_setup = models.BooleanField(db_default=False)
    is_teardown = models.BooleanField(db_default=False)
    is_mapped = models.BooleanField()
    """Has map indexes: mapped itself, or in a mapped group."""
    is_empty = models.BooleanField()
    trigger_rule = models.SmallIntegerField()
    """`domain.trigger_rules.RULE_CODES`."""
    pool = models.CharField(max_length=256)
    pool_slots = models.IntegerField()
    queue = models.CharField(max_length=256)
    executor = models.CharField(max_length=100, null=True)
    priority_weight = models.IntegerField()
    """Total weight, by the task's weight rule."""
    max_tries = models.IntegerField()
    """Airflow's `retries`."""
    retry_delay_seconds = models.FloatField()
    retry_multiplier = models.FloatField()
    max_retry_delay_seconds = models.FloatField(null=True)
    max_active_tis_per_dag = models.IntegerField(null=True)
    max_active_tis_per_dagrun = models.IntegerField(null=True)
    execution_timeout_seconds = models.FloatField(null=True)
    past_rule = models.SmallIntegerField(db_default=0)
    """What it asks of the run before (`domain.past.PastRule`); 0: nothing."""
    start_date = models.DateTimeField(null=True)
    """Runs of an earlier logical date do not have this task."""
    end_date = models.DateTimeField(null=True)
    tells_failure = models.BooleanField(db_default=False)
    """Has an `on_failure` callback or a mail to send: somebody must run it when the task's process died."""
    tells_retry = models.BooleanField(db_default=False)
    starts_deferred = models.BooleanField(db_default=False)
    """Airflow's `start_from_trigger`: it begins in its trigger, before any worker has it."""

    class Meta:
        db_table = "dag_task"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dag_version", "task_index"], name="dag_task_index_uk"),
            TenantTable(name="dag_task_wall"),
            TenantForeignKey(name="dag_task_version_fk", column="dag_version_id", target="dag_version"),
        ]
