"""Where a tenant's DAGs live outside: an address, what to take of it, and how to get in."""

from __future__ import annotations

from django.db import models

from tenants.models.tenant_model import TenantModel
from tenants.rls import TenantTable


class GitRemote(TenantModel):
    """At most one per tenant. Credentials are envelopes bound to this row; no answer ever holds them."""

    url = models.CharField(max_length=1000)
    host_kind = models.CharField(max_length=20, default="other")
    """github, gitlab, bitbucket, gitea or other: the form of its webhooks and of its commit statuses."""
    ref_kind = models.CharField(max_length=10, default="branch")
    ref = models.CharField(max_length=255)
    folder = models.CharField(max_length=1000, blank=True, default="")
    auth = models.CharField(max_length=10, default="none")
    """none, token (`login` and a password), key (SSH deploy key), app (an installation of a GitHub App)."""
    login = models.CharField(max_length=200, blank=True, default="")
    sealed = models.BinaryField(null=True)
    known_hosts = models.TextField(blank=True, default="")
    """What the host's SSH key must be, as in OpenSSH's known_hosts."""
    hook_sealed = models.BinaryField(null=True)
    poll_seconds = models.IntegerField(default=300)
    writes_statuses = models.BooleanField(default=False)
    state = models.CharField(max_length=10, default="new")
    """new, ok, refused (its newest commit cannot be a bundle), failing (it cannot be fetched; `failures` in a
    row). `message` says why."""
    message = models.TextField(blank=True, default="")
    failures = models.IntegerField(default=0)
    last_commit = models.CharField(max_length=64, blank=True, default="")
    last_fetched_at = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        db_table = "git_remote"
        constraints = [
            models.UniqueConstraint(fields=["tenant"], name="git_remote_uk"),
            TenantTable(name="git_remote_wall"),
        ]
