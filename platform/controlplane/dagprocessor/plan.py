"""Which files of a bundle must be parsed, and which results still hold. Called when parsing is dispatched."""

from __future__ import annotations

from controlplane.dagprocessor.known import Listings, holds
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.models.file_parse import FileParse
from taskwire.parsing import ParseOrder


def plan_parse(*, bundle: BundleVersion, using: str = "default") -> ParseOrder | None:
    """The order for the bundle's runtime, or None when every result is known already.

    Runs inside the tenant's scope; the bundle has a runtime.
    """
    if bundle.runtime is None:
        raise ValueError(f"bundle version {bundle.id} has no runtime")
    known = known_results(bundle=bundle, using=using)
    paths = [path for path in bundle.candidates if path not in known]
    if not paths:
        return None
    return ParseOrder(bundle_digest=bundle.digest, runtime_digest=bundle.runtime.digest, paths=paths)


def known_results(
    *, bundle: BundleVersion, passing_too: bool = False, using: str = "default"
) -> dict[str, FileParse]:
    """Candidate path -> the stored result that holds in this bundle and runtime; see `known.holds`."""
    if bundle.runtime is None or not bundle.candidates:
        return {}
    listings = Listings(bundle.files)
    rows = FileParse.objects.using(using).filter(
        path__in=bundle.candidates,
        sha256__in=[bundle.files[path] for path in bundle.candidates],
        runtime_digest=bundle.runtime.digest,
    )
    known = {
        row.path: row
        for row in rows
        if holds(result=row, files=bundle.files, listings=listings, passing_too=passing_too)
    }
    named = {(dag_id, digest) for row in known.values() for dag_id, digest in row.dag_hashes.items()}
    stored = set(
        DagVersion.objects.using(using)
        .filter(dag_id__in={dag_id for dag_id, _ in named}, content_hash__in={digest for _, digest in named})
        .values_list("dag_id", "content_hash")
    )
    # A result names its DAG versions; without them there is nothing to reuse.
    return {path: row for path, row in known.items() if stored.issuperset(row.dag_hashes.items())}
