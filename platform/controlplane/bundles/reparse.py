"""Parsing again what did not change: one file because a person asks for it, all of them by the tenant's interval.
Inside the tenant's scope; commits nothing.

What a file gave is reused while nothing that it read from its bundle changes. What it reads elsewhere (a Variable, the
clock) nobody sees change, so people can ask for another look, and set `parse_interval_seconds` (`tenants.tuning`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from controlplane.bundles.deployments import in_force
from controlplane.bundles.runtimes import is_ready
from controlplane.bundles.status import announce
from controlplane.foundation.db import notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.file_parse import FileParse
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.transitions import add_items
from tenants.scope import current_tenant
from tenants.tuning import read_settings


class FileUnknown(LookupError):
    """The bundle version in force has no such file, or nothing was parsed yet."""


def parse_again(*, path: str, now: datetime) -> None:
    """Forget what the file gave and have the bundle version in force parsed, or the newest one when none is.

    Raises FileUnknown.

    A version that is being parsed already is looked at once more afterwards only if its order had the file's old
    result; asked for twice at once, it is parsed once.
    """
    bundle = _bundle("default")
    if bundle is None or path not in bundle.candidates:
        raise FileUnknown(path)
    _forget(bundle, [path], now, "default")


def set_interval(*, now: datetime, using: str = "default") -> None:
    """The tenant's interval was changed, or is over: at most one item looks again, when the next is due."""
    WorkItem.objects.using(using).filter(kind="reparse").delete()
    seconds = read_settings(using=using)["parse_interval_seconds"].value
    if seconds is not None:
        add_items(items=[("reparse", None, now + timedelta(seconds=int(seconds)))], using=using)


def interval_over(*, ref: UUID | None, now: datetime, using: str) -> None:
    """Work item `reparse`: every file of the version in force is parsed again, unless that is under way."""
    seconds = read_settings(using=using)["parse_interval_seconds"].value
    if seconds is None:
        return
    bundle = _bundle(using)
    if bundle is not None and bundle.state in {"parsed", "failed"}:
        _forget(bundle, bundle.candidates, now, using)
    set_interval(now=now, using=using)


def _bundle(using: str) -> BundleVersion | None:
    """The version in force, or the newest one when none is; locked."""
    deployed = in_force(using=using)
    rows = BundleVersion.objects.using(using).select_for_update().order_by("-id")
    return (rows.filter(id=deployed.bundle_version_id) if deployed else rows).first()


def _forget(bundle: BundleVersion, paths: Sequence[str], now: datetime, using: str) -> None:
    kept = FileParse.objects.using(using)
    kept.filter(path__in=paths, sha256__in=[bundle.files[path] for path in paths]).delete()
    if bundle.state not in {"parsed", "failed"} or not is_ready(runtime_id=bundle.runtime_id, using=using):
        return
    bundle.state = "received"
    bundle.save(using=using, update_fields=["state"])
    announce(bundle_id=bundle.id, using=using)
    add_items(items=[("parse", bundle.id, now)], using=using)
    notify("work", str(current_tenant(using=using)), using=using)
