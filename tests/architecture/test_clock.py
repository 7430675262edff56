"""`now` is a parameter: only the clock's own file, the doors and the loops' own rounds read the clock."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.source_files import dotted, python_files, shown, tree

READS = frozenset({"datetime.now", "datetime.datetime.now", "datetime.utcnow", "utc_now", "time.time", "date.today",
                   "timezone.now", "datetime.today"})  # fmt: skip
MAY = (
    "platform/controlplane/foundation/clock.py",
    "platform/controlplane/alerts/loop.py",
    "platform/controlplane/maintenance/errands.py",
    "platform/controlplane/maintenance/loop.py",
    "platform/controlplane/maintenance/mails.py",
    "platform/controlplane/maintenance/periodic/",
    "platform/controlplane/scheduler/loop.py",
    "api/",
)
EXCEPTIONS = {
    "tenants/audit/record.py": "an audit row's instant is the platform's own, never its caller's",
    "tenants/audit/checkpoint_bucket.py": "how long a store locks a checkpoint is no caller's to shorten",
    "platform/controlplane/secrets/embedded.py": "when a data key was made, for people only",
}


def _reads(module: ast.Module) -> list[int]:
    return [
        node.lineno for node in ast.walk(module) if isinstance(node, ast.Call) and dotted(node.func) in READS
    ]


def test_rules_and_services_are_given_the_time() -> None:
    files = python_files("platform/taskwire", "platform/domain", "platform/controlplane", "tenants")
    found = {shown(path): _reads(tree(path)) for path in files if not shown(path).startswith(MAY)}
    assert {path for path, lines in found.items() if lines} <= EXCEPTIONS.keys()


@pytest.mark.parametrize("text", ["datetime.now(tz=UTC)", "utc_now()", "time.time()"])
def test_a_look_at_the_clock_is_found(text: str) -> None:
    assert _reads(ast.parse(text)) == [1]


def test_measuring_a_duration_is_not_one() -> None:
    assert _reads(ast.parse("time.monotonic()")) == []
