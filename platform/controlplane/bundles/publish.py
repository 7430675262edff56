"""Files become a bundle version: stored once by digest, recorded once, and waiting to be parsed.

Called by `receive` after a push and by the upload door, inside the tenant's scope. After the commit the
version is safe whatever becomes of the pusher: the scheduler finds its work item.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from controlplane.bundles.artefact import store_artefact
from controlplane.bundles.candidates import find_candidates
from controlplane.bundles.changes import changes
from controlplane.bundles.deployments import ask_automatically, ask_for
from controlplane.bundles.refusal import BundleRefused
from controlplane.bundles.requirements import FILE_NAME
from controlplane.bundles.runtimes import ensure_runtime
from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute, notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.transitions import add_items
from tenants.audit.record import record_change
from tenants.scope import current_tenant


def publish(
    *,
    files: Mapping[str, bytes],
    source: str,
    commit_sha: str | None,
    branch: str | None,
    message: str,
    pushed_by: str,
    now: datetime,
    reason: str | None = None,
    using: str = "default",
) -> BundleVersion:
    """Record `files` (clean bundle paths, as `read_archive` and `read_tree` give them) as the newest version.

    The same content as the newest version is that version again; one that could not be parsed is tried once
    more. `source` is `git`, `upload` or `remote`. Unless the tenant deploys by hand, a deployment is asked for;
    with `reason` always.
    Raises `BundleRefused` for an empty bundle and for requirements that
    cannot be read.
    """
    tenant_id = current_tenant(using=using)
    if tenant_id is None:
        raise RuntimeError("open the tenant's scope before publishing")
    if not files:
        raise BundleRefused("the bundle holds no files; add at least one DAG file, for example dags/hello.py")
    artefact = store_artefact(files=files)
    execute("ledger/sql/lock_tenant.sql", using=using)
    newest = BundleVersion.objects.using(using).order_by("-id").first()
    runtime = ensure_runtime(requirements=files.get(FILE_NAME, b""), now=now, using=using)
    if newest is not None and newest.digest == artefact.digest and newest.runtime_id == runtime.id:
        bundle = newest
        if bundle.state == "failed":
            bundle.state, bundle.parsed_at = "received", None
            bundle.save(using=using, update_fields=["state", "parsed_at"])
            add_items(items=[("parse", bundle.id, now)], using=using)
    else:
        changed = changes(newest.files if newest else {}, artefact.hashes)
        bundle = BundleVersion.objects.using(using).create(
            tenant_id=tenant_id,
            digest=artefact.digest,
            commit_sha=commit_sha,
            branch=branch,
            source=source,
            message=_text(message),
            pushed_by=_text(pushed_by)[:150],
            file_count=len(files),
            byte_count=artefact.byte_count,
            files=artefact.hashes,
            candidates=find_candidates(files=files),
            runtime=runtime,
            summary={"changed": changed.as_dict()},
            created_at=now,
        )
        record_change(
            action="bundle.published",
            target=f"bundle:{bundle.id}",
            before=None if newest is None else _told_of(newest),
            after=_told_of(bundle),
            detail={"changed": changed.as_dict()},
            using=using,
        )
        add_items(items=[("parse", bundle.id, now)], using=using)
    if reason is not None:
        by, said = _text(pushed_by), bundle.message
        wanted: Deployment | None = ask_for(
            bundle=bundle, reason=reason, created_by=by, message=said, now=now, using=using
        )
    else:
        wanted = ask_automatically(
            bundle=bundle, source=source, created_by=bundle.pushed_by, now=now, using=using
        )
    if bundle.state == "parsed" and wanted is not None and wanted.state == "waiting":
        add_items(items=[("parse", bundle.id, now)], using=using)
    notify("work", tenant_id, using=using)
    transaction.on_commit(lambda: crashpoint("bundles.publish.after_commit"), using=using)
    crashpoint("bundles.publish.before_commit")
    return bundle


def _told_of(bundle: BundleVersion) -> dict[str, object]:
    names = ("digest", "commit_sha", "branch", "source", "message", "pushed_by", "file_count", "byte_count")
    return {name: getattr(bundle, name) for name in names} | {"runtime": str(bundle.runtime_id)}


def _text(value: str) -> str:
    """Text that Postgres stores: a commit message may hold anything."""
    return value.replace("\0", "").encode("utf-8", "replace").decode()[:10_000]
