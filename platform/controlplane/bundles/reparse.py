"""Parsing one file again because a person asks for it. Inside the tenant's scope; commits nothing.

What a file gave is reused while nothing that it read from its bundle changes. What it reads elsewhere (a Variable, the
clock) nobody sees change, so people can ask for another look.
"""

from __future__ import annotations

from datetime import datetime

from controlplane.bundles.deployments import in_force
from controlplane.bundles.runtimes import is_ready
from controlplane.bundles.status import announce
from controlplane.foundation.db import notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.file_parse import FileParse
from controlplane.ledger.transitions import add_items
from tenants.scope import current_tenant


class FileUnknown(LookupError):
    """The bundle version in force has no such file, or nothing was parsed yet."""


def parse_again(*, path: str, now: datetime) -> None:
    """Forget what the file gave and have the bundle version in force parsed, or the newest one when none is.

    Raises FileUnknown.

    A version that is being parsed already is looked at once more afterwards only if its order had the file's old
    result; asked for twice at once, it is parsed once.
    """
    deployed = in_force()
    rows = BundleVersion.objects.select_for_update().order_by("-id")
    bundle = (rows.filter(id=deployed.bundle_version_id) if deployed else rows).first()
    if bundle is None or path not in bundle.candidates:
        raise FileUnknown(path)
    FileParse.objects.filter(path=path, sha256=bundle.files[path]).delete()
    if bundle.state not in {"parsed", "failed"} or not is_ready(runtime_id=bundle.runtime_id):
        return
    bundle.state = "received"
    bundle.save(update_fields=["state"])
    announce(bundle_id=bundle.id)
    add_items(items=[("parse", bundle.id, now)])
    notify("work", str(current_tenant()))
