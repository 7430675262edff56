"""A tenant's Git remote without its door, and the errands that it asks for, gone on by hand."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from api.errand_wiring import ERRANDS
from controlplane.bundles.errands import ask_errand
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.errand import Errand
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.maintenance.errands import go
from controlplane.secrets.remote_credentials import seal_credential, seal_hook_secret
from domain.ids import uuid7
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support.git_client import Clone


def origin(folder: Path) -> Clone:
    """A work tree that pushes into the bare repository `owner/dags.git` below `folder`."""
    bare = folder / "owner" / "dags.git"
    bare.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    return Clone(folder=folder / "work", url=str(bare))


def commit_and_push(clone: Clone, files: dict[str, bytes], branch: str = "main") -> str:
    commit = clone.commit(files)
    done = clone.push(f"HEAD:refs/heads/{branch}", "--force")
    assert done.status == 0, done.said
    return commit


def make_remote(
    tenant: Tenant, url: str, *, secret: str = "", credential: dict[str, str] | None = None, **fields: Any
) -> GitRemote:
    """As the portal makes it, with its first errand."""
    now = utc_now()
    row_id = uuid7()
    values = {"ref": "main", "auth": "token" if credential else "none", **fields}
    with tenant_scope(tenant.id):
        row = GitRemote.objects.create(
            id=row_id,
            tenant=tenant,
            url=url,
            sealed=seal_credential(remote_id=row_id, values=credential) if credential else None,
            hook_sealed=seal_hook_secret(remote_id=row_id, secret=secret) if secret else None,
            created_at=now,
            updated_at=now,
            **values,
        )
        ask_errand(kind="fetch", ref=row.id, due_at=now)
    return row


def go_errands(tenant: Tenant, kind: str | None = None) -> int:
    """Go once on each errand of the tenant that is due, as the service does; returns how many."""
    claim = {"now": utc_now() + timedelta(milliseconds=1), "batch": 100, "seconds": 300.0}
    rows = execute("maintenance/sql/claim_errands.sql", using="scheduler", **claim)
    mine = [row for row in rows if row[1] == tenant.id and kind in (None, row[2])]
    for errand, tenant_id, what, ref, due_at in mine:
        go(ERRANDS, errand=errand, tenant_id=tenant_id, kind=what, ref=ref, due_at=due_at)
    return len(mine)


def make_due(tenant: Tenant) -> None:
    """Every errand of the tenant is due now and nobody is on the way."""
    with tenant_scope(tenant.id):
        Errand.objects.update(due_at=utc_now(), claimed_until=None)


def remote_of(tenant: Tenant) -> GitRemote:
    with tenant_scope(tenant.id):
        return GitRemote.objects.get()
