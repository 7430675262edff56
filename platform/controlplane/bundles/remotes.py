"""A tenant's remote is looked at, and what it holds becomes a bundle version with the same checks as a push.

`fetch_due` is an errand: it reads what it needs in one transaction, is away without any, and writes what came of
it in another. Fetched again without news, nothing changes. A host that fails is asked less and less often, an
hour apart at most; a webhook or a person asks at once. Credentials are opened by a function that is handed in.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import structlog

from controlplane.bundles import commit_statuses
from controlplane.bundles.fetch import Credential, FetchFailed, fetch
from controlplane.bundles.git import GitFailed
from controlplane.bundles.git_tree import read_commit, read_tree
from controlplane.bundles.names import clean_name
from controlplane.bundles.publish import publish
from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.remote_address import AddressInvalid, read_address
from controlplane.bundles.tenant_limits import limits_for
from controlplane.ledger.models.git_remote import GitRemote
from tenants.scope import tenant_scope

log = structlog.get_logger("bundles.remotes")

LEAST_SECONDS = 2.0
"""Between two looks at one remote, however often it is asked for."""
MOST_BACKOFF_SECONDS = 3600.0

Opener = Callable[..., Credential]
"""(remote) -> what opens it; called inside the tenant's scope. May raise FetchFailed."""


@dataclass(frozen=True, slots=True)
class _Looked:
    commit: str = ""
    files: dict[str, bytes] | None = None
    author: str = ""
    subject: str = ""
    failed: str = ""
    refused: str = ""


def fetch_due(*, tenant_id: UUID, ref: UUID, now: datetime, opener: Opener) -> datetime | None:
    """Look at the remote `ref` once. Returns when to look again; None when there is no such remote any more."""
    with tenant_scope(tenant_id):
        remote = GitRemote.objects.filter(id=ref).first()
    if remote is None:
        return None
    looked = _look(remote, opener)
    with tenant_scope(tenant_id):
        current = GitRemote.objects.select_for_update().filter(id=ref).first()
        if current is None:
            return None
        if current.updated_at != remote.updated_at:
            return now  # it was changed while we were away: what we saw may be of another place
        _store(current, looked, now)
    if looked.failed:
        log.info("remote.failed", tenant=str(tenant_id), failures=current.failures)
    return now + timedelta(seconds=wait_seconds(current))


def wait_seconds(remote: GitRemote) -> float:
    """Until the next look: the remote's own pace, doubled with each failure in a row; a little apart from others."""
    pace = float(remote.poll_seconds)
    if remote.failures:
        pace = min(max(pace, 30.0) * 2 ** min(remote.failures, 10), max(MOST_BACKOFF_SECONDS, pace))
    return pace * (1 + (zlib.crc32(remote.id.bytes) % 100) / 1000)


def ask_at(remote: GitRemote, *, now: datetime) -> datetime:
    """When a look that is asked for now may be made: many at once are one."""
    if remote.last_fetched_at is None:
        return now
    return max(now, remote.last_fetched_at + timedelta(seconds=LEAST_SECONDS))


def _look(remote: GitRemote, opener: Opener) -> _Looked:
    try:
        credential = opener(remote=remote)
        store, commit = fetch(
            tenant_id=remote.tenant_id,
            address=read_address(remote.url),
            ref_kind=remote.ref_kind,
            ref=remote.ref,
            credential=credential,
        )
    except (FetchFailed, AddressInvalid, GitFailed) as error:
        return _Looked(failed=str(error) or "the fetch failed")
    if commit == remote.last_commit and remote.state in ("ok", "refused"):
        return _Looked(commit=commit)  # after a failure it is read again, for what is said of it
    return _read(remote, store, commit)


def _read(remote: GitRemote, store: Path, commit: str) -> _Looked:
    try:
        about = read_commit(repository=store, commit=commit)
        tree = f"{commit}:{clean_name(remote.folder)}" if remote.folder else commit
        try:
            files = read_tree(repository=store, commit=tree, limits=limits_for(tenant_id=remote.tenant_id))
        except GitFailed as error:
            if not remote.folder:
                raise
            raise BundleRefused(f"the commit has no folder {remote.folder!r}") from error
        return _Looked(commit=commit, files=files, author=about.author, subject=about.subject)
    except BundleRefused as error:
        return _Looked(commit=commit, refused=str(error))
    except GitFailed as error:
        return _Looked(failed=str(error))


def _store(remote: GitRemote, looked: _Looked, now: datetime) -> None:
    remote.last_fetched_at = now
    if looked.failed:
        remote.state, remote.message, remote.failures = "failing", _text(looked.failed), remote.failures + 1
    else:
        is_new = looked.commit != remote.last_commit
        remote.failures = 0
        if is_new or looked.files is not None or looked.refused:
            refused = looked.refused or (_publish(remote, looked, now) if is_new else "")
            remote.state, remote.message = ("refused" if refused else "ok"), _text(refused)
            if refused and is_new:
                commit_statuses.tell(
                    remote=remote, commit_sha=looked.commit, state="failure", description=refused, now=now
                )
        remote.last_commit = looked.commit
    remote.save(update_fields=["last_fetched_at", "state", "message", "failures", "last_commit"])


def _publish(remote: GitRemote, looked: _Looked, now: datetime) -> str:
    """Why it is refused, or nothing."""
    try:
        bundle = publish(
            files=looked.files or {},
            source="remote",
            commit_sha=looked.commit,
            branch=remote.ref,
            message=looked.subject,
            pushed_by=looked.author,
            now=now,
        )
    except BundleRefused as error:
        return str(error)
    if bundle.state in ("received", "parsing"):
        commit_statuses.tell_of_bundle(bundle=bundle, state="pending", now=now)
    return ""


def _text(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:4000]
