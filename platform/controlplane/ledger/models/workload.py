"""Thin ledger: attempts that are dispatched and not over. No content of the tenant."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class Workload(TenantModel):
    """`ref` and `epoch` name the attempt. `agent` is NULL until claimed. Gone when the attempt is over."""

    kind = models.CharField(max_length=10)
    """`task`, `parse`, `build`, `timetable` (of a DAG), `callback`, `trigger` (a deferred task's, or an asset
    watcher's) or `conn_test`."""
    ref = models.UUIDField()
    epoch = models.IntegerField()
    executor = models.CharField(max_length=50, db_default="local")
    queue = models.CharField(max_length=256, db_default="default")
    priority = models.IntegerField(db_default=0)
    agent_id = models.UUIDField(null=True)
    agent_epoch = models.IntegerField(null=True)
    attempts = models.IntegerField(db_default=0)
    """Parse and build: how often an agent took it; given up after three. Task: 1 once its agent named it in a
    beat; a claim whose answer never reached the agent stays 0 and is handed back instead of lost."""
    dispatched_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True)
    stop = models.CharField(max_length=200, null=True)
    """Set when the attempt must end: the agent hears it at its next beat."""

    class Meta:
        db_table = "workload"
        indexes = [
            models.Index(
                fields=["tenant", "kind", "-priority", "id"],
                name="workload_waiting",
                condition=models.Q(agent_id__isnull=True),
            ),
            models.Index(
                fields=["agent_id"], name="workload_agent", condition=models.Q(agent_id__isnull=False)
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "ref", "epoch", "kind"], name="workload_uk"),
            TenantTable(name="workload_wall", wide=("scheduler",)),
        ]
