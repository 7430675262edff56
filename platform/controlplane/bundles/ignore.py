"""`.airflowignore` in its glob syntax, matched without regular expressions of the tenant's making.

The rules are gitignore's, as Airflow applies them: a pattern with a slash inside is relative to its file's
folder, one without matches any name below it, a slash at the end means folders only, `!` takes a match back,
and the last match decides. Source: https://git-scm.com/docs/gitignore; Airflow's `file_discovery` module.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

MOST_PATTERNS = 1000
MOST_PATTERN_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One line. `folder` is where its file lies (empty: the root), `parts` the pattern's segments."""

    folder: str
    parts: tuple[str, ...]
    is_anchored: bool
    folders_only: bool
    takes_back: bool


def read_rules(*, folder: str, text: str) -> list[IgnoreRule]:
    """The rules of one `.airflowignore`; lines that say nothing are left out."""
    rules = []
    for line in text.splitlines()[:MOST_PATTERNS]:
        pattern = line.split("#", 1)[0].rstrip()
        takes_back = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        body = pattern.strip("/")
        if not body or len(body) > MOST_PATTERN_CHARACTERS:
            continue
        rules.append(
            IgnoreRule(
                folder=folder,
                parts=tuple(body.split("/")),
                is_anchored="/" in pattern.rstrip("/"),
                folders_only=pattern.endswith("/"),
                takes_back=takes_back,
            )
        )
    return rules


def is_ignored(*, path: str, is_folder: bool, rules: list[IgnoreRule]) -> bool:
    """Whether the last rule that matches `path` (bundle path, POSIX) says to leave it out."""
    for rule in reversed(rules):
        if (is_folder or not rule.folders_only) and _matches(rule, path):
            return not rule.takes_back
    return False


def _matches(rule: IgnoreRule, path: str) -> bool:
    if not rule.is_anchored:
        return fnmatchcase(path.rpartition("/")[2], rule.parts[0])
    inside = path.removeprefix(f"{rule.folder}/") if rule.folder else path
    return _match_parts(rule.parts, tuple(inside.split("/")))


def _match_parts(pattern: tuple[str, ...], parts: tuple[str, ...]) -> bool:
    """Segment by segment; `**` stands for any number of them. A table instead of backtracking: no pattern
    costs more than its length times the path's."""
    reachable = {0}
    for piece in pattern:
        if piece == "**":
            reachable = set(range(min(reachable, default=len(parts) + 1), len(parts) + 1))
        else:
            reachable = {at + 1 for at in reachable if at < len(parts) and fnmatchcase(parts[at], piece)}
    return len(parts) in reachable
