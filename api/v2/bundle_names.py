"""How Airflow's API names our bundles: one per tenant, its version the commit or, for an upload, the digest."""

from __future__ import annotations

from controlplane.ledger.models.bundle_version import BundleVersion

BUNDLE_NAME = "dags"


def bundle_version(row: BundleVersion | None) -> str | None:
    """What is shown as the bundle's version."""
    return None if row is None else row.commit_sha or row.digest
