"""What a deferred task waits for, or what an asset watcher listens to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class Trigger(TenantModel):
    """Of a task: `id` is the task instance's, `epoch` the attempt's that deferred; the row means something only
    while that instance is `deferred` under that epoch. Of an asset watcher: an id of its own, no task instance.

    A timer (`wake_at`) is this row and a work item, nothing else. Any other trigger has a workload of kind
    `trigger` with the same id and epoch, which an agent holds while it runs it.
    """

    task_instance = tenant_link("ledger.TaskInstance", null=True)
    watcher_id = models.UUIDField(null=True)
    """The asset watcher it belongs to; it fires again and again."""
    epoch = models.IntegerField(db_default=0)
    classpath = models.CharField(max_length=1000)
    kwargs = models.JSONField(null=True)
    """As Airflow's SDK encoded them."""
    queue = models.CharField(max_length=256, null=True)
    created_at = models.DateTimeField()
    timeout_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    """Of a timer: when it fires."""
    event = models.JSONField(null=True)
    """Of a timer: the payload it fires with, encoded as the SDK does."""
    ends = models.CharField(max_length=20, null=True)
    """Of a timer that ends its task without resuming it: the state it gets."""
    bundle_version_id = models.UUIDField(null=True)
    """Of an asset watcher: where its class is. A task's trigger runs the code of its run."""
    assets = models.JSONField(null=True)
    """Of an asset watcher: the assets it watches, {name: uri}."""
    heard = ArrayField(models.UUIDField(), null=True)
    """Of an asset watcher: the keys of its last events. A report that is sent again is no second event."""
    starts = models.BooleanField(db_default=False)
    """The task began here (`start_from_trigger`): its templated fields are still to be rendered."""

    class Meta:
        db_table = "trigger"
        indexes = [
            models.Index(
                fields=["tenant", "watcher_id"],
                name="trigger_watcher",
                condition=models.Q(watcher_id__isnull=False),
            )
        ]
        constraints = [
            TenantTable(name="trigger_wall"),
            TenantForeignKey(name="trigger_ti_fk", column="task_instance_id", target="task_instance"),
        ]
