"""Writes what a picture of a bundle says: parse results, DAGs with versions and tasks, import errors.

One statement per table, whatever the number of DAGs. Called by `store` only, which holds the tenant's lock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.bundles.artefact import ArtefactMissing, read_files
from controlplane.dagprocessor.asset_references import record_assets
from controlplane.dagprocessor.known import Listings
from controlplane.dagprocessor.merge import Picture, Told
from controlplane.dagprocessor.rows import (
    ALERTS,
    LIMITS,
    alerts_of,
    dag_row,
    finite,
    limits_of,
    parse_row,
    task_rows,
)
from controlplane.dagprocessor.summary import Accepted
from controlplane.dagprocessor.texts import plain, storable
from controlplane.foundation.db import execute
from controlplane.ledger.assets import wake_dags, wake_watchers
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.runs.plan import plan_next
from taskwire.dagspec import DagSpec
from taskwire.parsing import FileParse, ParseReport
from tenants.models.tenant import Tenant

MOST_SOURCE = 1024 * 1024


def record_parses(
    *, bundle: BundleVersion, parsed: Mapping[str, FileParse], told: list[Told], now: datetime, using: str
) -> None:
    """Keep each file's result with the reasons for which it holds."""
    if not told:
        return
    listings = Listings(bundle.files)
    rows = []
    for each in told:
        file = parsed[each.path]
        row = parse_row(
            parsed=file,
            sha256=bundle.files[each.path],
            hashes=each.hashes,
            failures=plain(each.failures),
            findings=plain(each.findings),
            listed={folder: listings.digest(folder) for folder in file.listed_folders},
        )
        rows.append(storable(row))
    assert bundle.runtime is not None
    execute(
        "ledger/sql/store_file_parses.sql",
        using=using,
        rows=_json(rows),
        runtime_digest=bundle.runtime.digest,
        now=now,
    )


def record_dags(
    *, bundle: BundleVersion, picture: Picture, report: ParseReport, now: datetime, using: str
) -> list[Accepted]:
    """Every accepted DAG has its content as current version and runs this bundle's code."""
    hashes = {dag_id: picture.files[path].hashes[dag_id] for dag_id, path in picture.accepted.items()}
    before = {row.dag_id: row for row in Dag.objects.using(using).filter(dag_id__in=list(hashes))}
    versions = {
        (dag_id, digest): (version_id, number)
        for version_id, dag_id, digest, number in DagVersion.objects.using(using)
        .filter(dag_id__in=list(hashes), content_hash__in=list(hashes.values()))
        .values_list("id", "dag_id", "content_hash", "version_number")
    }
    current = {
        dag_id
        for dag_id, digest in hashes.items()
        if dag_id in before
        and not before[dag_id].is_stale
        and (dag_id, digest) in versions
        and before[dag_id].current_version_id == versions[dag_id, digest][0]
    }
    specs = _specs({d: h for d, h in hashes.items() if d not in current}, picture, using)
    rows = _store_rows(bundle, picture, report, specs, now, using)
    _store_versions(bundle, picture, hashes, versions, specs, rows, now, using)
    failing = set(picture.failing)
    ordered = sorted(hashes)
    execute(
        "ledger/sql/point_dags.sql",
        using=using,
        bundle=bundle.id,
        dag_ids=ordered,
        versions=[versions[dag_id, hashes[dag_id]][0] for dag_id in ordered],
        has_errors=[picture.accepted[dag_id] in failing for dag_id in ordered],
        now=now,
    )
    _plan(specs, before, now, using)
    record_assets(specs={rows[dag_id]: spec for dag_id, (_, spec) in specs.items()}, now=now, using=using)
    wake_dags(dag_ids=ordered, now=now, using=using)
    wake_watchers(dag_ids=ordered, now=now, using=using)
    return [
        Accepted(
            dag_id=dag_id,
            path=picture.accepted[dag_id],
            change=_change(dag_id, current, before),
            version_number=versions[dag_id, hashes[dag_id]][1],
            timetable=_timetable(dag_id, specs, before),
        )
        for dag_id in ordered
    ]


def keep_contents(
    *, bundle: BundleVersion, picture: Picture, report: ParseReport, now: datetime, using: str
) -> None:
    """DAG versions of a bundle that is not in force: known when it comes to be, seen by nobody before.

    A DAG that there never was gets a stale row for its versions to stand on.
    """
    hashes = {dag_id: picture.files[path].hashes[dag_id] for dag_id, path in picture.accepted.items()}
    versions = {
        (dag_id, digest): (version_id, number)
        for version_id, dag_id, digest, number in DagVersion.objects.using(using)
        .filter(dag_id__in=list(hashes), content_hash__in=list(hashes.values()))
        .values_list("id", "dag_id", "content_hash", "version_number")
    }
    fresh = {dag_id: digest for dag_id, digest in hashes.items() if (dag_id, digest) not in versions}
    specs = _specs(fresh, picture, using)
    if not specs:
        return
    rows = [
        dag_row(spec=spec, path=picture.accepted[dag_id], paused_by_default=_paused(bundle, using))
        for dag_id, (_, spec) in specs.items()
    ]
    execute("ledger/sql/store_dormant_dags.sql", using=using, rows=_json(rows), bundle=bundle.id, now=now)
    ids = dict(Dag.objects.using(using).filter(dag_id__in=list(specs)).values_list("dag_id", "id"))
    _store_versions(bundle, picture, hashes, versions, specs, ids, now, using)


def retire(*, picture: Picture, now: datetime, using: str) -> list[str]:
    """DAGs that the bundle no longer has become stale, and refer to no assets; returns them."""
    rows = execute(
        "ledger/sql/retire_dags.sql", using=using, accepted=list(picture.accepted), failing=picture.failing
    )
    if rows:
        record_assets(specs={}, now=now, using=using)
    return [row[0] for row in rows]


def record_errors(*, bundle: BundleVersion, picture: Picture, now: datetime, using: str) -> None:
    """One import error per failing file, and no others."""
    failing = [(path, picture.failures(path)) for path in picture.failing]
    execute(
        "ledger/sql/store_import_errors.sql",
        using=using,
        filenames=[path for path, _ in failing],
        kinds=[failures[0].kind for _, failures in failing],
        messages=["\n".join(failure.message for failure in failures) for _, failures in failing],
        traces=["\n\n".join(failure.stacktrace for failure in failures) for _, failures in failing],
        lines=[failures[0].line for _, failures in failing],
        bundle=bundle.id,
        now=now,
    )


def _specs(hashes: Mapping[str, str], picture: Picture, using: str) -> dict[str, tuple[bytes, DagSpec]]:
    """Specs of DAGs whose content becomes current: from the report, or from an earlier version."""
    specs = {}
    for dag_id in hashes:
        told = picture.files[picture.accepted[dag_id]]
        if dag_id in told.specs:
            specs[dag_id] = told.specs[dag_id]
    missing = hashes.keys() - specs.keys()
    if missing:
        stored = DagVersion.objects.using(using).filter(
            dag_id__in=missing, content_hash__in=[hashes[dag_id] for dag_id in missing]
        )
        for dag_id, digest, spec in stored.values_list("dag_id", "content_hash", "spec"):
            if hashes[dag_id] == digest:
                specs[dag_id] = (b"", msgspec.convert(spec, DagSpec))
    return specs


def _store_rows(
    bundle: BundleVersion,
    picture: Picture,
    report: ParseReport,
    specs: Mapping[str, tuple[bytes, DagSpec]],
    now: datetime,
    using: str,
) -> dict[str, UUID]:
    """dag_id -> row id of the DAGs in `specs`."""
    if not specs:
        return {}
    paused = _paused(bundle, using)
    seconds = {file.path: finite(file.seconds) for file in report.files}
    rows = []
    for dag_id, (_, spec) in specs.items():
        path = picture.accepted[dag_id]
        row = dag_row(spec=spec, path=path, paused_by_default=paused)
        rows.append(row | {"has_import_errors": False, "last_parse_seconds": seconds.get(path, 0.0)})
    stored = execute("ledger/sql/store_dags.sql", using=using, rows=_json(rows), bundle=bundle.id, now=now)
    return {dag_id: row_id for dag_id, row_id, _ in stored}


def _paused(bundle: BundleVersion, using: str) -> bool:
    settings = Tenant.objects.using(using).values_list("settings", flat=True).get(id=bundle.tenant_id)
    return bool(settings.get("dags_paused_at_creation", False))


def _store_versions(
    bundle: BundleVersion,
    picture: Picture,
    hashes: Mapping[str, str],
    versions: dict[tuple[str, str], tuple[UUID, int]],
    specs: Mapping[str, tuple[bytes, DagSpec]],
    rows: Mapping[str, UUID],
    now: datetime,
    using: str,
) -> None:
    """Add what is new to `versions`, with its tasks."""
    fresh = sorted(dag_id for dag_id in specs if (dag_id, hashes[dag_id]) not in versions)
    if not fresh:
        return
    sources = _sources(bundle, {dag_id: specs[dag_id][1].relative_fileloc for dag_id in fresh})
    stored = execute(
        "ledger/sql/store_dag_versions.sql",
        using=using,
        dag_rows=[rows[dag_id] for dag_id in fresh],
        dag_ids=fresh,
        hashes=[hashes[dag_id] for dag_id in fresh],
        specs=[specs[dag_id][0].decode() for dag_id in fresh],
        sources=[sources.get(specs[dag_id][1].relative_fileloc, "") for dag_id in fresh],
        bundle=bundle.id,
        now=now,
        **{name: [alerts_of(specs[dag_id][1])[name] for dag_id in fresh] for name in ALERTS},
        **{name: [limits_of(specs[dag_id][1])[name] for dag_id in fresh] for name in LIMITS},
    )
    tasks: list[dict[str, Any]] = []
    for dag_id, version_id, number in stored:
        versions[dag_id, hashes[dag_id]] = (version_id, number)
        tasks += task_rows(spec=specs[dag_id][1], version_id=version_id)
    execute("ledger/sql/store_dag_tasks.sql", using=using, rows=_json(tasks))


def _sources(bundle: BundleVersion, paths: Mapping[str, str]) -> dict[str, str]:
    try:
        found = read_files(digest=bundle.digest, paths=set(paths.values()))
    except ArtefactMissing:
        return {}
    return {
        path: content[:MOST_SOURCE].decode("utf-8", "replace").replace("\0", "�")
        for path, content in found.items()
    }


def _plan(
    specs: Mapping[str, tuple[bytes, DagSpec]], before: Mapping[str, Dag], now: datetime, using: str
) -> None:
    """Schedules that may have changed are followed anew; a DAG that never runs by itself costs nothing."""
    wanted = [
        dag_id
        for dag_id, (_, spec) in specs.items()
        if spec.timetable.can_be_scheduled or (dag_id in before and before[dag_id].next_run_after is not None)
    ]
    rows = Dag.objects.using(using).filter(dag_id__in=wanted).values_list("id", flat=True)
    plan_next(dags=list(rows), now=now, using=using)


def _change(dag_id: str, current: set[str], before: Mapping[str, Dag]) -> str:
    if dag_id in current:
        return "unchanged"
    return "changed" if dag_id in before and before[dag_id].current_version_id is not None else "new"


def _timetable(dag_id: str, specs: Mapping[str, tuple[bytes, DagSpec]], before: Mapping[str, Dag]) -> str:
    if dag_id in specs:
        return specs[dag_id][1].timetable.summary
    return before[dag_id].timetable_summary or ""


def _json(rows: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
