"""What the secret store keeps outside the database of a tenant that is gone: its key in the platform's own Vault.

Called by the purge when the rows are gone. A Vault that is away puts the tenant's end off to the next run; one that
does not let us delete keeps the key, which opens nothing any more. A tenant's own Vault and cloud stores are the
tenant's: the platform only reads there, forgets its credentials with their row, and deletes nothing.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from controlplane.secrets import store
from controlplane.secrets.contract import KeyKept

log = structlog.get_logger("secrets")


def forget_tenant(tenant_id: UUID) -> None:
    """Again: no change. Raises KeyUnavailable."""
    try:
        store.current().forget(tenant_id=tenant_id)
    except KeyKept as error:
        log.warning("tenant.key.kept", tenant=str(tenant_id), reason=str(error))
