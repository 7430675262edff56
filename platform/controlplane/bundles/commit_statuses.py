"""The Git host is told what became of a commit: pending, success or failure, beside the commit itself.

A status is a row and an errand: written in the transaction that it tells of, told afterwards, tried again when the
host is away, given up in the end. No deployment ever waits for it or fails with it. Only the newest word on a
commit is told: one that came too late is dropped.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings

from controlplane.bundles.errands import ask_errand
from controlplane.bundles.fetch import Credential, FetchFailed
from controlplane.bundles.hosts.contract import Told
from controlplane.bundles.hosts.known import HOSTS
from controlplane.bundles.outside_http import HostUnreachable, post_json
from controlplane.bundles.remote_address import AddressInvalid, read_address
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.commit_status import CommitStatus
from controlplane.ledger.models.git_remote import GitRemote
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

log = structlog.get_logger("bundles.commit_statuses")

MOST_TRIES = 8
FIRST_WAIT_SECONDS = 5.0
_LASTING = frozenset({400, 401, 403, 404, 410, 422})
"""Answers that another try will not change: the token may not, the commit is not there."""

Opener = Callable[..., Credential]


def tell(
    *, remote: GitRemote, commit_sha: str, state: str, description: str, now: datetime, using: str = "default"
) -> None:
    """Have the host told, if the tenant wants that and we know how. Inside the tenant's scope."""
    if not remote.writes_statuses or remote.host_kind not in HOSTS:
        return
    line = " ".join(description.split()).replace("\0", "")[:140]
    row = CommitStatus.objects.using(using).create(
        tenant_id=remote.tenant_id,
        remote=remote,
        commit_sha=commit_sha,
        state=state,
        description=line,
        created_at=now,
    )
    ask_errand(kind="status", ref=row.id, due_at=now, using=using)


def tell_of_bundle(
    *, bundle: BundleVersion, state: str, now: datetime, using: str = "default", said: str = ""
) -> None:
    """The same for a bundle version that was fetched; nothing for others. `said`: by default what it holds."""
    if bundle.source != "remote" or not bundle.commit_sha:
        return
    remote = GitRemote.objects.using(using).first()
    if remote is not None:
        said = said or describe(state=state, summary=bundle.summary)
        tell(remote=remote, commit_sha=bundle.commit_sha, state=state, description=said, now=now, using=using)


def verdict(*, state: str, summary: dict[str, Any]) -> str:
    """success or failure for a bundle version that is over."""
    return "success" if state == "parsed" and not summary.get("errors") else "failure"


def describe(*, state: str, summary: dict[str, Any]) -> str:
    """One line for people."""
    if state == "pending":
        return "Received; its files are being parsed"
    errors, accepted = summary.get("errors", []), summary.get("accepted", [])
    if errors:
        first = errors[0]
        place = f"{first.get('path')}: " if first.get("path") else ""
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        line = next(iter(str(first.get("message", "")).splitlines()), "failed")
        return f"{place}{line}"[:110] + more
    return f"{len(accepted)} DAGs deployed" if accepted else "Checked: no errors"


def tell_due(*, tenant_id: UUID, ref: UUID, now: datetime, opener: Opener) -> datetime | None:
    """The errand: tell the host of one status. Returns when to try again, None when that is over."""
    with tenant_scope(tenant_id):
        row = CommitStatus.objects.select_related("remote").filter(id=ref).first()
        if row is None or row.told_at or row.given_up:
            return None
        later = CommitStatus.objects.filter(commit_sha=row.commit_sha, remote_id=row.remote_id, id__gt=row.id)
        if later.exists():
            CommitStatus.objects.filter(id=row.id).update(given_up=True, message="a later word replaced it")
            return None
        slug = Tenant.objects.values_list("slug", flat=True).get(id=tenant_id)
    said, lasting = _tell(row, slug, opener)
    with tenant_scope(tenant_id):
        tries = row.tries + 1
        if not said:
            CommitStatus.objects.filter(id=ref).update(told_at=now, tries=tries, message="")
            return None
        over = lasting or tries >= MOST_TRIES
        CommitStatus.objects.filter(id=ref).update(tries=tries, message=said[:2000], given_up=over)
    log.info("status.not_told", tenant=str(tenant_id), tries=tries, over=over)
    return None if over else now + timedelta(seconds=FIRST_WAIT_SECONDS * 3 ** (tries - 1))


def _tell(row: CommitStatus, slug: str, opener: Opener) -> tuple[str, bool]:
    """(what went wrong, whether for good)."""
    remote = row.remote
    host = HOSTS.get(remote.host_kind)
    if host is None:
        return "the kind of the host is not known any more", True
    try:
        address = read_address(remote.url)
        credential = opener(remote=remote)
        if not credential.password:
            return "statuses need a token or an app: a deploy key cannot write them", True
        told = Told(
            repository=address.path.strip("/").removesuffix(".git"),
            commit_sha=row.commit_sha,
            state=row.state,
            description=row.description,
            target_url=f"{settings.BASE_URL}/t/{slug}/",
        )
        request = host.status_request(told=told, login=credential.login, token=credential.password)
        place = address.text.removeprefix(f"{address.protocol}://").partition("/")[0].rpartition("@")[2]
        scheme = address.protocol if address.protocol in ("http", "https") else "https"
        if address.protocol == "ssh":
            place = address.host
        url = host.api_base(scheme=scheme, host=place) + request.path
        answer = post_json(url=url, body=request.body, headers=request.headers)
    except AddressInvalid as error:
        return str(error), True
    except (FetchFailed, HostUnreachable) as error:
        return str(error), False
    if 200 <= answer.status < 300:
        return "", False
    return f"the host answered {answer.status}", answer.status in _LASTING
