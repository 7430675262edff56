"""Who goes on which errand, and with what: strangers are introduced here, above all of them.

Fetching knows nothing of how credentials are sealed, and the secrets station nothing of Git.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from controlplane.bundles import app_tokens, commit_statuses, previews, remotes
from controlplane.bundles.fetch import Credential, FetchFailed
from controlplane.bundles.remote_address import read_address
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.maintenance.archive.ask import export_due
from controlplane.maintenance.errands import Handlers
from controlplane.maintenance.prune import prune_tenant
from controlplane.maintenance.storage import count_logs, measure_tenant
from controlplane.secrets.contract import KeyUnavailable, SealBroken
from controlplane.secrets.remote_credentials import open_credential
from tenants.scope import tenant_scope


def open_remote(*, remote: GitRemote) -> Credential:
    """What opens the remote, in clear, for as long as it is used. Outside any scope. Raises FetchFailed."""
    if remote.auth == "none":
        return Credential()
    try:
        with tenant_scope(remote.tenant_id):
            held = open_credential(remote=remote)
    except (KeyUnavailable, SealBroken) as error:
        raise FetchFailed("the remote's credential cannot be opened right now") from error
    if remote.auth == "key":
        return Credential(key=held.get("key", ""), known_hosts=remote.known_hosts)
    if remote.auth == "app":
        now: datetime = utc_now()
        token = app_tokens.installation_token(
            remote_id=remote.id,
            changed_at=remote.updated_at,
            address=read_address(remote.url),
            credential=held,
            now=now,
        )
        return Credential(login=app_tokens.LOGIN, password=token)
    return Credential(login=remote.login, password=held.get("password", ""))


ERRANDS: Handlers = {
    "fetch": partial(remotes.fetch_due, opener=open_remote),
    "status": partial(commit_statuses.tell_due, opener=open_remote),
    "expire": previews.expire_due,
    "prune": prune_tenant,
    "export": export_due,
    "measure": measure_tenant,
    "count_logs": count_logs,
}
"""What `maintenance.errands` does with each kind."""
