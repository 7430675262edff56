"""What differs between two deployments: files, requirements, versions, and names of bound values.

Inside the tenant's scope. Values of bound variables and connections are not read here: the door asks the
secrets station which names differ.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from controlplane.bundles.artefact import ArtefactMissing, read_files
from controlplane.bundles.changes import Changes, changes
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.runtime import Runtime

MOST_DIFF_CHARACTERS = 200_000
MOST_FILE_BYTES = 128 * 1024
MOST_FILE_LINES = 4000
"""Beyond either a file is only named: comparing takes the product of both lengths."""


def compare(*, older: Deployment | None, newer: Deployment) -> dict[str, Any]:
    """`files` and `requirements` as added, changed, removed; `airflow` and `python` before and after; `unified`:
    the changed text files, cut. `older` None: against nothing."""
    before = older.bundle_version if older is not None else None
    after = newer.bundle_version
    files = changes(before.files if before else {}, after.files)
    was, now = before.runtime if before else None, after.runtime
    return {
        "older": older.number if older is not None else None,
        "newer": newer.number,
        "files": files.as_dict(),
        "requirements": _requirements(was, now),
        "airflow": [was.airflow if was else "", now.airflow if now else ""],
        "python": [was.python if was else "", now.python if now else ""],
        "unified": _unified(before, after, files),
    }


def previous(*, deployment: Deployment) -> Deployment | None:
    """What was in force before it came to be."""
    return (
        Deployment.objects.select_related("bundle_version__runtime", "overlay")
        .filter(number__lt=deployment.number, activated_at__isnull=False)
        .order_by("-number")
        .first()
    )


def _requirements(was: Runtime | None, now: Runtime | None) -> dict[str, list[str]]:
    old = set(was.requirements.splitlines()) if was else set()
    new = set(now.requirements.splitlines()) if now else set()
    return Changes(added=sorted(new - old), changed=[], removed=sorted(old - new)).as_dict()


def _unified(before: BundleVersion | None, after: BundleVersion, files: Changes) -> str:
    old = _texts(before, [*files.changed, *files.removed]) if before else {}
    new = _texts(after, [*files.changed, *files.added])
    out: list[str] = []
    left = MOST_DIFF_CHARACTERS
    for path in sorted(old.keys() | new.keys()):
        a, b = old.get(path, ""), new.get(path, "")
        if a is None or b is None:
            lines = [f"Binary or large file {path} differs\n"]
        else:
            lines = _diff(path, a if path in old else None, b if path in new else None)
        text = "".join(lines)
        if len(text) > left:
            return "".join(out) + "… the rest is left out: it is too long\n"
        out.append(text)
        left -= len(text)
    return "".join(out)


def _diff(path: str, a: str | None, b: str | None) -> list[str]:
    return [
        line if line.endswith("\n") else f"{line}\n"
        for line in difflib.unified_diff(
            (a or "").splitlines(keepends=True),
            (b or "").splitlines(keepends=True),
            fromfile="/dev/null" if a is None else f"a/{path}",
            tofile="/dev/null" if b is None else f"b/{path}",
        )
    ]


def _texts(bundle: BundleVersion, paths: list[str]) -> Mapping[str, str | None]:
    """Path -> text; None for what is binary or large."""
    try:
        found = read_files(digest=bundle.digest, paths=paths)
    except ArtefactMissing:
        return {}
    return {path: _text(content) for path, content in found.items()}


def _text(content: bytes) -> str | None:
    if len(content) > MOST_FILE_BYTES or content.count(b"\n") > MOST_FILE_LINES or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
