"""What the same files give in two runtimes: DAGs that come, go or change, and errors that are new or gone.

The report of an upgrade before it is made: the files in force were parsed in the new runtime, and nothing of that
is in force. Reads only. Inside the tenant's scope.
"""

from __future__ import annotations

from typing import Any

from controlplane.dagprocessor.merge import Picture, draw, read_known
from controlplane.dagprocessor.plan import known_results
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag_version import DagVersion
from taskwire.parsing import Finding, ImportFailure

MOST_CHANGES = 50
"""Differences told of one DAG."""


def compare_bundles(*, old: BundleVersion, new: BundleVersion) -> dict[str, Any]:
    """`dags`: added, removed, and per changed DAG what of its description differs; `errors` and `findings` that
    only the new one has, and those that only the old one had. Both must be parsed."""
    before, after = _picture(old), _picture(new)
    was, now = _hashes(before), _hashes(after)
    changed = sorted(dag_id for dag_id in was.keys() & now.keys() if was[dag_id] != now[dag_id])
    specs = _specs({(dag_id, found[dag_id]) for dag_id in changed for found in (was, now)})
    return {
        "dags": {
            "added": sorted(now.keys() - was.keys()),
            "removed": sorted(was.keys() - now.keys()),
            "changed": [
                {
                    "dag_id": dag_id,
                    "differences": differences(specs[dag_id, was[dag_id]], specs[dag_id, now[dag_id]]),
                }
                for dag_id in changed
            ],
            "same": sum(was[dag_id] == now[dag_id] for dag_id in was.keys() & now.keys()),
        },
        "errors": _two(_failures(before), _failures(after)),
        "findings": _two(_findings(before), _findings(after)),
    }


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Where two descriptions differ, as `tasks.load.retries: 1 → 2`; tasks are found by their id. Pure."""
    out: list[str] = []
    _walk(old, new, path, out)
    return out[:MOST_CHANGES]


def _walk(old: Any, new: Any, path: str, out: list[str]) -> None:
    if old == new or len(out) > MOST_CHANGES:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            _walk(old.get(key), new.get(key), f"{path}.{key}" if path else key, out)
        return
    by_id = _by_task(old), _by_task(new)
    if by_id[0] is not None and by_id[1] is not None:
        _walk(by_id[0], by_id[1], path, out)
        return
    out.append(f"{path}: {_short(old)} → {_short(new)}")


def _by_task(value: Any) -> dict[str, Any] | None:
    if (
        isinstance(value, list)
        and value
        and all(isinstance(each, dict) and "task_id" in each for each in value)
    ):
        return {str(each["task_id"]): each for each in value}
    return None


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _picture(bundle: BundleVersion) -> Picture:
    known = known_results(bundle=bundle, passing_too=True)
    return draw([read_known(row, row.findings) for row in known.values()])


def _hashes(picture: Picture) -> dict[str, str]:
    return {dag_id: picture.files[path].hashes[dag_id] for dag_id, path in picture.accepted.items()}


def _specs(wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Any]:
    rows = DagVersion.objects.filter(
        dag_id__in={dag_id for dag_id, _ in wanted}, content_hash__in={digest for _, digest in wanted}
    )
    return {
        (dag_id, digest): spec for dag_id, digest, spec in rows.values_list("dag_id", "content_hash", "spec")
    }


def _failures(picture: Picture) -> list[dict[str, Any]]:
    return [_told(path, each) for path in picture.failing for each in picture.failures(path)]


def _findings(picture: Picture) -> list[dict[str, Any]]:
    return [_told(path, each) for path in sorted(picture.files) for each in picture.files[path].findings]


def _told(path: str, each: ImportFailure | Finding) -> dict[str, Any]:
    return {"path": each.path or path, "line": each.line, "message": each.message}


def _two(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {
        "new": [each for each in after if each not in before],
        "gone": [each for each in before if each not in after],
    }
