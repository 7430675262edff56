"""One picture of a bundle out of new reports and known results. Pure: rows in, decisions out.

Decides which DAGs are accepted, from which file, and what is wrong where. Called by `store`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from controlplane.dagprocessor.acceptable import (
    DagInvalid,
    canonical_spec,
    failure_of,
    timetable_finding,
)
from controlplane.dagprocessor.known import Result
from controlplane.dagprocessor.texts import short_failure, short_findings
from taskwire.dagspec import DagSpec
from taskwire.parsing import FileParse, Finding, ImportFailure


@dataclass(slots=True)
class Told:
    """One file's outcome. `specs`: dag_id -> (canonical JSON, spec), of files parsed now; `hashes` of all."""

    path: str
    hashes: dict[str, str] = field(default_factory=dict)
    specs: dict[str, tuple[bytes, DagSpec]] = field(default_factory=dict)
    failures: list[ImportFailure] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Picture:
    """`accepted`: dag_id -> the file it comes from. `duplicates`: path -> what to add to its failures."""

    files: dict[str, Told]
    accepted: dict[str, str]
    duplicates: dict[str, list[ImportFailure]]

    def failures(self, path: str) -> list[ImportFailure]:
        """Everything wrong with one file of this bundle."""
        return [*self.files[path].failures, *self.duplicates.get(path, [])]

    @property
    def failing(self) -> list[str]:
        """Sorted paths with something wrong."""
        return sorted(path for path in self.files if self.failures(path))


def read_report(parsed: FileParse) -> Told:
    """A file parsed now, checked: DAGs that cannot be stored become failures."""
    told = Told(
        path=parsed.path,
        failures=[short_failure(failure) for failure in parsed.failures],
        findings=short_findings(parsed.findings),
    )
    for spec in parsed.dags:
        try:
            text = canonical_spec(spec)
        except DagInvalid as error:
            told.failures.append(failure_of(path=parsed.path, error=error))
            continue
        told.specs[spec.dag_id] = (text, spec)
        told.hashes[spec.dag_id] = hashlib.sha256(text).hexdigest()
        if (finding := timetable_finding(path=parsed.path, spec=spec)) is not None:
            told.findings.append(finding)
    return told


def read_known(row: Result, findings: list[dict[str, object]]) -> Told:
    """A file whose stored result still holds."""
    return Told(
        path=row.path,
        hashes=dict(row.dag_hashes),
        failures=msgspec.convert(row.failures, list[ImportFailure]),
        findings=msgspec.convert(findings, list[Finding]),
    )


def unanswered(path: str) -> Told:
    """A file that was ordered and of which the runtime said nothing."""
    message = "The runtime gave no answer for this file; push again to have it parsed once more"
    return Told(
        path=path,
        failures=[ImportFailure(path=path, message=message, stacktrace=message, kind="crash")],
    )


def draw(files: Iterable[Told]) -> Picture:
    """The whole bundle: a dag_id that two files define is accepted from neither."""
    by_path = {told.path: told for told in files}
    owners: dict[str, list[str]] = {}
    for path in sorted(by_path):
        for dag_id in by_path[path].hashes:
            owners.setdefault(dag_id, []).append(path)
    duplicates: dict[str, list[ImportFailure]] = {}
    for dag_id, paths in sorted(owners.items()):
        for path in paths if len(paths) > 1 else ():
            others = ", ".join(other for other in paths if other != path)
            message = f"dag_id {dag_id!r} is also defined in {others}; give one of them another dag_id"
            duplicates.setdefault(path, []).append(
                ImportFailure(path=path, message=message, stacktrace=message, kind="duplicate")
            )
    accepted = {dag_id: paths[0] for dag_id, paths in owners.items() if len(paths) == 1}
    return Picture(files=by_path, accepted=accepted, duplicates=duplicates)


def changed_dags(*, picture: Picture, current: Mapping[str, str]) -> list[str]:
    """Accepted DAGs whose content is not the one in `current` (dag_id -> content hash); sorted."""
    return sorted(
        dag_id
        for dag_id, path in picture.accepted.items()
        if current.get(dag_id) != picture.files[path].hashes[dag_id]
    )
