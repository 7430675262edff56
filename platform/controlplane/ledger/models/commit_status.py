"""What the Git host is to be told of a commit. A row waits until it is told, or given up."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel, tenant_link
from tenants.rls import TenantForeignKey, TenantTable


class CommitStatus(TenantModel):
    """`state`: pending, success, failure. `told_at` and `given_up` are both unset while it waits."""

    remote = tenant_link("ledger.GitRemote")
    commit_sha = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    description = models.CharField(max_length=140, blank=True, default="")
    tries = models.IntegerField(default=0)
    message = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    given_up = models.BooleanField(default=False)

    class Meta:
        db_table = "commit_status"
        indexes = [models.Index(fields=["tenant", "remote", "-id"], name="commit_status_recent")]
        constraints = [
            TenantTable(name="commit_status_wall"),
            TenantForeignKey(name="commit_status_remote_fk", column="remote_id", target="git_remote"),
        ]
