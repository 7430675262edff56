"""Which files of a bundle may hold DAGs: Airflow's safe mode, told from bytes. Nothing is parsed or run.

Searches `dags/` when the bundle has one, else all of it, as the runtime does when it is given no list.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from controlplane.bundles.ignore import IgnoreRule, is_ignored, read_rules

IGNORE_FILE = ".airflowignore"


def find_candidates(*, files: Mapping[str, bytes]) -> list[str]:
    """Sorted paths of the `.py` and zip files that Airflow would look at."""
    top = "dags/" if any(path.startswith("dags/") for path in files) else ""
    rules = _rules_by_folder(files, top)
    ignored: dict[str, bool] = {}
    return sorted(
        path
        for path, content in files.items()
        if path.startswith(top)
        and _may_hold_dags(path, content)
        and not _is_hidden(path)
        and not _is_left_out(path, rules, ignored)
    )


def _may_hold_dags(path: str, content: bytes) -> bool:
    if path.lower().endswith(".zip"):
        return zipfile.is_zipfile(io.BytesIO(content))
    if not path.lower().endswith(".py"):
        return False
    lower = content.lower()
    return b"airflow" in lower and (b"dag" in lower or b"asset" in lower)


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.split("/"))


def _rules_by_folder(files: Mapping[str, bytes], top: str) -> dict[str, list[IgnoreRule]]:
    return {
        path.rpartition("/")[0]: read_rules(
            folder=path.rpartition("/")[0], text=content.decode("utf-8", errors="replace")
        )
        for path, content in files.items()
        if path.startswith(top) and path.rpartition("/")[2] == IGNORE_FILE
    }


def _is_left_out(path: str, rules: dict[str, list[IgnoreRule]], ignored: dict[str, bool]) -> bool:
    """Whether a rule leaves out the file or a folder above it; answers for folders are kept in `ignored`."""
    if not rules:
        return False
    above = path.rpartition("/")[0]
    if above and above not in ignored:
        ignored[above] = ("/" in above and _is_left_out(above, rules, ignored)) or is_ignored(
            path=above, is_folder=True, rules=_rules_for(above, rules)
        )
    if above and ignored[above]:
        return True
    return is_ignored(path=path, is_folder=False, rules=_rules_for(path, rules))


def _rules_for(path: str, rules: dict[str, list[IgnoreRule]]) -> list[IgnoreRule]:
    """The rules of every folder above `path`, outermost first."""
    found = list(rules.get("", []))
    at = path.find("/")
    while at >= 0:
        found += rules.get(path[:at], [])
        at = path.find("/", at + 1)
    return found
