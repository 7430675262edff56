"""What the pusher is told of a parsed bundle version: accepted, wrong and where, worth knowing, changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controlplane.dagprocessor.merge import Picture
from controlplane.dagprocessor.texts import plain

MOST_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Accepted:
    """One DAG of the version. `change` is `new`, `changed` or `unchanged`."""

    dag_id: str
    path: str
    change: str
    version_number: int
    timetable: str


def summarise(
    *, changed: Mapping[str, Any], picture: Picture, accepted: list[Accepted], parsed_files: int
) -> dict[str, Any]:
    """The summary of a version whose files were parsed."""
    errors = [
        {"path": failure.path or path, "line": failure.line, "message": failure.message, "kind": failure.kind}
        for path in picture.failing
        for failure in picture.failures(path)
    ]
    findings = [finding for path in sorted(picture.files) for finding in picture.files[path].findings]
    return {
        "changed": dict(changed),
        "accepted": [
            {
                "dag_id": each.dag_id,
                "path": each.path,
                "change": each.change,
                "version": each.version_number,
                "timetable": each.timetable,
            }
            for each in accepted
        ],
        "errors": errors,
        "findings": plain(findings[:MOST_SHOWN]),
        "files": {"parsed": parsed_files, "reused": len(picture.files) - parsed_files},
    }


def summarise_failure(*, changed: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """The summary of a version of which nothing could be parsed."""
    return {
        "changed": dict(changed),
        "accepted": [],
        "errors": [{"path": "", "line": 0, "message": reason, "kind": "failure"}],
        "findings": [],
    }
