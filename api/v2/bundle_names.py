"""How Airflow's API names our bundles: one per tenant, its version the commit or, for an upload, the digest.

Names are remembered in this process, as a bundle version never changes; the key has the tenant.
"""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock
from uuid import UUID

from controlplane.ledger.models.bundle_version import BundleVersion
from tenants.scope import current_tenant

BUNDLE_NAME = "dags"
CAPACITY = 10_000

_known: dict[tuple[str | None, UUID], str] = {}
_lock = Lock()


def bundle_names(bundle_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Shown version by bundle version id: at most one statement, none when all are remembered."""
    tenant = current_tenant()
    wanted = {bundle_id for bundle_id in bundle_ids if bundle_id is not None}
    found: dict[UUID | None, str] = {}
    with _lock:
        for bundle_id in wanted:
            if (name := _known.get((tenant, bundle_id))) is not None:
                found[bundle_id] = name
    if missing := wanted - found.keys():
        rows = BundleVersion.objects.filter(id__in=missing).values_list("id", "commit_sha", "digest")
        read = {bundle_id: commit or digest for bundle_id, commit, digest in rows}
        with _lock:
            if len(_known) > CAPACITY:
                _known.clear()
            _known.update({(tenant, bundle_id): name for bundle_id, name in read.items()})
        found |= read
    return found


def forget() -> None:
    """Empty the memory: for tests that count statements."""
    with _lock:
        _known.clear()
