"""What a pusher reads while their push becomes DAGs: lines, as they come, without waiting for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from controlplane.bundles.receive import Received
from controlplane.bundles.refusal import size_text
from controlplane.bundles.status import BundleStatus, watch

MOST_LINES = 40
"""Lines of one kind (accepted, wrong, worth knowing) before the rest is only counted."""


def tell(*, tenant_id: UUID, received: Received, seconds: float) -> Iterator[str]:
    """Lines about what came of the push: at once what was received, then, within `seconds`, what it gave."""
    yield ""
    if received.bundle is None:
        yield f"ERROR  {received.commit[:12]} is not deployed: {received.refused}"
        yield "The version deployed before keeps running."
        return
    bundle = received.bundle
    yield (
        f"{received.commit[:12]} of {received.branch} is recorded: {_count(bundle.file_count, 'file')}, "
        f"{size_text(bundle.byte_count)}, {_changes(bundle.summary.get('changed', {}))}."
    )
    told_of_build = False
    status: BundleStatus | None = None
    for status in watch(tenant_id=tenant_id, bundle_id=bundle.id, seconds=seconds):
        if status.is_over:
            yield from outcome(status.state, status.summary)
            return
        if status.runtime_state in {"queued", "building"} and not told_of_build:
            told_of_build = True
            yield "The runtime for requirements.txt is being built; the DAGs are parsed when it is ready."
    if status is not None:
        yield "Still working after the time a push waits; nothing is lost: see the tenant's bundles in the portal."


def outcome(state: str, summary: dict[str, Any]) -> Iterator[str]:
    """Lines about a version that is over."""
    errors, accepted = summary.get("errors", []), summary.get("accepted", [])
    findings = [each for each in summary.get("findings", []) if each.get("severity", "warning") != "info"]
    changed = summary.get("changed", {})
    touched = {*changed.get("added", []), *changed.get("changed", [])}
    fresh = [each for each in findings if each.get("path") in touched]
    yield from _limited(
        [f"ok     {_dag(each)}" for each in accepted if each["change"] != "unchanged"], "DAGs"
    )
    same = sum(each["change"] == "unchanged" for each in accepted)
    if same:
        yield f"ok     {_count(same, 'DAG')} unchanged"
    yield from _limited([_finding(each) for each in fresh], "warnings")
    if len(findings) > len(fresh):
        yield f"warn   {_count(len(findings) - len(fresh), 'warning')} in files that did not change"
    yield from _limited([_error(each) for each in errors], "errors")
    if state == "failed":
        yield "Nothing of this version is deployed; the version before keeps running."
    elif errors:
        yield f"{_count(len(accepted), 'DAG')} deployed, {_count(len(errors), 'error')}."
        yield "DAGs of failing files keep their last good version."
    elif not accepted:
        yield "No DAGs were found. Searched are .py files that mention airflow and dag or asset, in dags/ if there"
        yield "is such a folder, else everywhere."
    else:
        yield f"{_count(len(accepted), 'DAG')} deployed."


def _dag(each: dict[str, Any]) -> str:
    # Airflow's own words for a DAG without a schedule are "None".
    schedule = "" if each["timetable"] in ("", "None", None) else f", {each['timetable']}"
    return f"{each['dag_id']}  ({each['change']}, version {each['version']}{schedule})  {each['path']}"


def _error(each: dict[str, Any]) -> str:
    return f"ERROR  {_place(each)}{each['message'].splitlines()[0] if each['message'] else 'unknown error'}"


def _finding(each: dict[str, Any]) -> str:
    kind = "ERROR " if each.get("severity") == "error" else "warn  "
    hint = f" ({each['hint']})" if each.get("hint") else ""
    first = each["message"].splitlines()[0] if each["message"] else each["code"]
    return f"{kind} {_place(each)}{first}{hint}"


def _place(each: dict[str, Any]) -> str:
    if not each.get("path"):
        return ""
    return f"{each['path']}:{each['line']}: " if each.get("line") else f"{each['path']}: "


def _limited(lines: list[str], what: str) -> Iterator[str]:
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"       … and {len(lines) - MOST_LINES} more {what}"


def _changes(changed: dict[str, list[str]]) -> str:
    parts = [f"{len(changed[kind])} {kind}" for kind in ("added", "changed", "removed") if changed.get(kind)]
    return ", ".join(parts) if parts else "no file changed"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
