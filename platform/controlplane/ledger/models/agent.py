"""Agents: machines that run tenants' code. They belong to the platform, not to a tenant."""

from __future__ import annotations

from django.db import models

from tenants.rls import PlatformTable


class Agent(models.Model):
    """One row per agent name; `epoch` rises with each register, so that an old process is known as old."""

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=100, unique=True)
    epoch = models.IntegerField(default=0)
    hostname = models.CharField(max_length=250)
    pid = models.IntegerField()
    slots = models.IntegerField()
    level = models.CharField(max_length=5)
    level_detail = models.JSONField(default=dict)
    queues = models.JSONField(default=list)
    lease_until = models.DateTimeField()
    registered_at = models.DateTimeField()
    usage = models.JSONField(default=dict)

    class Meta:
        db_table = "agent"
        constraints = [
            PlatformTable(
                name="agent_grants", grants={"scheduler": "SELECT, INSERT, UPDATE, DELETE", "app": "SELECT"}
            )
        ]
