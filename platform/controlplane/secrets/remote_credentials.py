"""What opens a tenant's Git remote, and what its webhooks are signed with: sealed in their row, shown to nobody.

Called by the portal's and the hooks' doors and by whoever fetches, inside the tenant's scope.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from controlplane.ledger.models.git_remote import GitRemote
from controlplane.secrets import store
from controlplane.secrets.contract import Place
from tenants.scope import current_tenant


def seal_credential(*, remote_id: UUID, values: dict[str, str]) -> bytes:
    """`values`: password, key, app_id, installation_id, as the remote's `auth` needs. Raises KeyUnavailable."""
    return store.current().seal(plain=json.dumps(values).encode(), place=_place(remote_id, "sealed"))


def open_credential(*, remote: GitRemote) -> dict[str, str]:
    """What was sealed; empty when there is none. Raises SealBroken, KeyUnavailable."""
    if remote.sealed is None:
        return {}
    opened: dict[str, Any] = json.loads(
        store.current().open(sealed=bytes(remote.sealed), place=_place(remote.id, "sealed"))
    )
    return {str(key): str(value) for key, value in opened.items()}


def seal_hook_secret(*, remote_id: UUID, secret: str) -> bytes:
    """Raises KeyUnavailable."""
    return store.current().seal(plain=secret.encode(), place=_place(remote_id, "hook_sealed"))


def open_hook_secret(*, remote: GitRemote) -> str:
    """The webhook's secret; empty when there is none. Raises SealBroken, KeyUnavailable."""
    if remote.hook_sealed is None:
        return ""
    return (
        store.current()
        .open(sealed=bytes(remote.hook_sealed), place=_place(remote.id, "hook_sealed"))
        .decode()
    )


def _place(remote_id: UUID, column: str) -> Place:
    return Place(tenant_id=UUID(current_tenant()), table="git_remote", column=column, row_id=remote_id)
