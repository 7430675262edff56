"""A parse report becomes DAG versions, import errors and a summary, in the transaction of its caller.

Called by `dispatch` when everything was known, and with the agent's report. Before: the bundle version is
received or parsing. After: it is parsed or failed, every DAG it has points to its content, DAGs whose file
fails keep their last good version and bundle, and DAGs that are gone are stale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from controlplane.bundles import canaries, commit_statuses, deployments
from controlplane.bundles.status import announce
from controlplane.dagprocessor.dag_limit import within_dag_limit
from controlplane.dagprocessor.deploy import bring_into_force
from controlplane.dagprocessor.merge import Picture, Told, draw, read_known, read_report, unanswered
from controlplane.dagprocessor.plan import known_results
from controlplane.dagprocessor.record import keep_contents, record_parses
from controlplane.dagprocessor.summary import Accepted, summarise, summarise_failure
from controlplane.foundation.crashpoints import crashpoint
from controlplane.foundation.db import execute, notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.transitions import add_items
from taskwire.parsing import ParseReport

MOST_ATTEMPTS = 3
"""Orders after which a file without an answer is told as failing instead of being ordered again."""
WAIT = timedelta(seconds=30)
"""Until files are parsed again whose runtime the agent did not have: it may be being built there."""
MOST_WAITS = 60
"""A parse of this number that still finds no runtime fails, and says so."""


class BundleUnknown(LookupError):
    """The tenant has no such bundle version."""


class ReportMismatched(ValueError):
    """The report is about another bundle or runtime than the one it is handed in for."""


@dataclass(frozen=True, slots=True)
class Stored:
    """`state` the bundle version has now; `accepted` and `failing` are counts of DAGs and files."""

    state: str
    accepted: int = 0
    failing: int = 0


def store_report(*, bundle_id: UUID, report: ParseReport, now: datetime, using: str = "default") -> Stored:
    """Store what parsing gave. A version that is over stays as it is: the same report twice changes nothing.

    Files that were not ordered come from stored results; when those no longer hold, the version goes back to
    be ordered again. Raises `BundleUnknown`, `ReportMismatched`.
    """
    execute("ledger/sql/lock_tenant.sql", using=using)
    bundle = (
        BundleVersion.objects.using(using)
        .select_for_update(of=("self",))
        .select_related("runtime")
        .filter(id=bundle_id)
        .first()
    )
    if bundle is None or bundle.runtime is None:
        raise BundleUnknown(f"this tenant has no bundle version {bundle_id} with a runtime")
    if bundle.state not in {"received", "parsing"}:
        return Stored(bundle.state)
    if (report.bundle_digest, report.runtime_digest) != (bundle.digest, bundle.runtime.digest):
        raise ReportMismatched(
            f"the report is about bundle {report.bundle_digest[:12]} in runtime {report.runtime_digest[:12]}, "
            f"bundle version {bundle_id} is {bundle.digest[:12]} in {bundle.runtime.digest[:12]}"
        )
    Workload.objects.using(using).filter(kind="parse", ref=bundle.id).delete()
    stored = _store(bundle, report, now, using)
    notify("work", str(bundle.tenant_id), using=using)
    announce(bundle_id=bundle.id, using=using)
    transaction.on_commit(lambda: crashpoint("dagprocessor.store.after_commit"), using=using)
    crashpoint("dagprocessor.store.before_commit")
    return stored


def _store(bundle: BundleVersion, report: ParseReport, now: datetime, using: str) -> Stored:
    changed = bundle.summary.get("changed", {})
    if report.runtime_missing and bundle.epoch < MOST_WAITS:
        return _order_again(bundle, now + WAIT, using)
    if report.failure is not None:
        reason = report.failure.replace("\0", "")[:4000]
        deployments.fail_waiting(bundle_id=bundle.id, message=reason, now=now, using=using)
        return _finish(bundle, "failed", summarise_failure(changed=changed, reason=reason), now, using)
    told = _read(bundle, report, now, using)
    if told is None:
        return _order_again(bundle, now, using)
    picture = within_dag_limit(draw(told), using=using)
    deployment = deployments.waiting_for(bundle_id=bundle.id, using=using)
    if deployment is None:
        # A later deployment is in force, or none was asked for yet: this version is told of, and changes nothing.
        accepted: list[Accepted] = []
        if not deployments.was_dropped(bundle_id=bundle.id, using=using):
            keep_contents(bundle=bundle, picture=picture, report=report, now=now, using=using)
    else:
        accepted = bring_into_force(
            deployment=deployment, bundle=bundle, picture=picture, report=report, now=now, using=using
        )
    summary = summarise(changed=changed, picture=picture, accepted=accepted, parsed_files=len(report.files))
    return _finish(bundle, "parsed", summary, now, using, picture)


def _order_again(bundle: BundleVersion, at: datetime, using: str) -> Stored:
    bundle.state = "received"
    bundle.save(using=using, update_fields=["state"])
    add_items(items=[("parse", bundle.id, at)], using=using)
    return Stored("received")


def _read(bundle: BundleVersion, report: ParseReport, now: datetime, using: str) -> list[Told] | None:
    """Every candidate's outcome, or None when one must be ordered again."""
    wanted = set(bundle.candidates)
    parsed = {file.path: file for file in report.files if file.path in wanted}
    told = [read_report(file) for file in parsed.values()]
    record_parses(bundle=bundle, parsed=parsed, told=told, now=now, using=using)
    missing = wanted - parsed.keys()
    known = known_results(bundle=bundle, using=using) if missing else {}
    for path in sorted(missing):
        if path in known:
            told.append(read_known(known[path], known[path].findings))
        elif bundle.epoch < MOST_ATTEMPTS:
            return None
        else:
            told.append(unanswered(path))
    return told


def _finish(
    bundle: BundleVersion,
    state: str,
    summary: dict[str, object],
    now: datetime,
    using: str,
    picture: Picture | None = None,
) -> Stored:
    bundle.state, bundle.summary, bundle.parsed_at = state, summary, now
    bundle.save(using=using, update_fields=["state", "summary", "parsed_at"])
    outcome = commit_statuses.verdict(state=state, summary=bundle.summary)
    said = ""
    if outcome == "success" and canaries.is_tried(bundle_id=bundle.id, using=using):
        outcome, said = "pending", "In force; being tried out"
    commit_statuses.tell_of_bundle(bundle=bundle, state=outcome, now=now, using=using, said=said)
    return Stored(
        state,
        accepted=len(picture.accepted) if picture else 0,
        failing=len(picture.failing) if picture else 0,
    )
