"""A webhook of a Git host: believed by its signature, taken once, and at most the remote is looked at.

What a delivery says decides only whether a look is worth while: what is fetched is what the host shows us then.
So the worst that a stolen delivery can do is to have us look once more. `take` runs inside the tenant's scope.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from controlplane.bundles.errands import ask_errand
from controlplane.bundles.hosts.contract import Push
from controlplane.bundles.remote_address import AddressInvalid, read_address
from controlplane.bundles.remotes import ask_at
from controlplane.ledger.models.git_remote import GitRemote
from controlplane.ledger.models.hook_delivery import HookDelivery

REMEMBERED = timedelta(days=7)
MOST_A_MINUTE = 60
"""Deliveries of one remote; more are told to wait. Each costs a transaction, all together one fetch."""


class Replayed(ValueError):
    """This delivery was taken before."""


class Flooded(RuntimeError):
    """Too many deliveries a minute."""

    def __init__(self) -> None:
        super().__init__(
            f"more than {MOST_A_MINUTE} deliveries within a minute; the remote is looked at anyway"
        )
        self.retry_after_seconds = 60


@dataclass(frozen=True, slots=True)
class Taken:
    """`wanted`: the remote is looked at; else `reason` says why not."""

    wanted: bool
    reason: str
    branches: tuple[str, ...] = ()
    """Other branches that were pushed to, for previews."""


def take(*, remote: GitRemote, push: Push, body: bytes, now: datetime) -> Taken:
    """Remember the delivery and ask for a look if it is about what the tenant follows. Raises Replayed, Flooded."""
    if HookDelivery.objects.filter(remote=remote, received_at__gt=now - timedelta(minutes=1)).count() >= (
        2 * MOST_A_MINUTE
    ):
        raise Flooded
    remember(remote=remote, delivery=push.delivery, body=body, now=now)
    taken = _judge(remote, push)
    if taken.wanted:
        ask_errand(kind="fetch", ref=remote.id, due_at=ask_at(remote, now=now))
    return taken


def remember(*, remote: GitRemote, delivery: str, body: bytes, now: datetime) -> None:
    """Two digests: of the delivery's id, and of the body with it gone, for an id is not signed. Raises Replayed."""
    digests = [_digest(b"id\0" + delivery.encode()), _digest(b"body\0" + body)]
    try:
        with transaction.atomic():
            HookDelivery.objects.bulk_create(
                [
                    HookDelivery(tenant_id=remote.tenant_id, remote=remote, digest=digest, received_at=now)
                    for digest in digests
                ]
            )
    except IntegrityError:
        raise Replayed("this delivery was taken before") from None
    HookDelivery.objects.filter(remote=remote, received_at__lt=now - REMEMBERED).delete()


def _judge(remote: GitRemote, push: Push) -> Taken:
    if push.refs is None:
        return Taken(False, f"the event {push.event[:50]!r} is not a push")
    try:
        mine = read_address(remote.url).full_name
    except AddressInvalid:
        mine = ""
    if not any(mine == name or mine.endswith(f"/{name}") for name in push.repositories):
        return Taken(False, "the push is to another repository than the tenant's remote")
    kind = "refs/tags/" if remote.ref_kind == "tag" else "refs/heads/"
    branches = tuple(
        sorted(
            name.removeprefix("refs/heads/")
            for name in push.refs
            if name.startswith("refs/heads/") and name != kind + remote.ref
        )
    )
    if (commit := push.refs.get(kind + remote.ref)) is None:
        return Taken(False, f"the push is not to the {remote.ref_kind} {remote.ref!r}", branches)
    if not commit:
        return Taken(
            False, f"the {remote.ref_kind} {remote.ref!r} was deleted; what is deployed stays", branches
        )
    if commit == remote.last_commit:
        return Taken(False, "that commit is known already", branches)
    return Taken(True, "the remote is being looked at", branches)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
