"""The verdict for people, for programs and for GitHub's annotations."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from launcher.validate.deployed import Change, Shape
from launcher.validate.problems import Problem

_WORDS = {"error": "error", "warning": "warn", "info": "info"}
_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """`changes` is None when nothing was compared."""

    dags: dict[str, Shape]
    problems: list[Problem]
    changes: list[Change] | None
    seconds: float

    def is_refused(self, *, strict: bool) -> bool:
        """Whether something must be mended first; with `strict`, warnings count."""
        bad = {"error", "warning"} if strict else {"error"}
        return any(problem.level in bad for problem in self.problems)


def as_text(verdict: Verdict) -> Iterator[str]:
    for problem in verdict.problems:
        place = f"{problem.path}:{problem.line}" if problem.line else problem.path or "the bundle"
        yield f"{_WORDS[problem.level]:6} {place}  {problem.message}  [{problem.code}]"
        if problem.hint:
            yield f"       -> {problem.hint}"
    for change in verdict.changes or ():
        yield f"{change.kind:8} {change.dag_id}"
        yield from (f"         {line}" for line in change.details)
    counts = Counter(problem.level for problem in verdict.problems)
    told = [f"{len(verdict.dags)} DAG{'s' * (len(verdict.dags) != 1)}"]
    told += [
        f"{counts[level]} {word}{'s' * (counts[level] != 1)}"
        for level, word in (("error", "error"), ("warning", "warning"))
        if counts[level]
    ]
    if verdict.changes is not None:
        told.append(f"{len(verdict.changes)} changed" if verdict.changes else "nothing changed")
    yield f"{', '.join(told)}; {verdict.seconds:.1f} s"


def as_json(verdict: Verdict) -> str:
    return json.dumps(
        {
            "dags": {dag_id: asdict(shape) for dag_id, shape in sorted(verdict.dags.items())},
            "problems": [asdict(problem) for problem in verdict.problems],
            "changes": None if verdict.changes is None else [asdict(change) for change in verdict.changes],
            "seconds": round(verdict.seconds, 3),
        },
        indent=2,
    )


def as_github(verdict: Verdict) -> Iterator[str]:
    """Workflow commands: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    for problem in verdict.problems:
        place = f"file={escaped(problem.path, ',:')}," if problem.path else ""
        place += f"line={problem.line}," if problem.line else ""
        text = problem.message + (f" -> {problem.hint}" if problem.hint else "")
        yield f"::{_GITHUB[problem.level]} {place}title={escaped(problem.code, ',:')}::{escaped(text)}"


def escaped(text: str, also: str = "") -> str:
    """As a workflow command takes it: what a file name or a message holds begins no command of its own."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    for character, code in ((",", "%2C"), (":", "%3A")):
        if character in also:
            text = text.replace(character, code)
    return text
