"""What a task does given the states of its upstream task instances.

The same decisions, as early and as late, as Airflow 3.3.2's scheduler makes them
(`ti_deps/deps/trigger_rule_dep.py` with `flag_upstream_failed=True`): some rules know their answer from the
first upstream that ends (`all_success` fails with the first failure), others wait until all are done. The SQL
that wakes the downstream says the same in set form; `tests/equivalence` compares the two, and this is the
oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class RuleUnknown(ValueError):
    """The DAG names a trigger rule that Airflow does not have."""


class Decision(StrEnum):
    """What becomes of the waiting task."""

    WAIT = "wait"
    RUN = "run"
    SKIP = "skip"
    UPSTREAM_FAIL = "upstream_fail"
    REMOVE = "remove"


RULE_CODES: Final[Mapping[str, int]] = {
    "all_success": 0,
    "all_failed": 1,
    "all_done": 2,
    "all_done_min_one_success": 3,
    "all_done_setup_success": 4,
    "one_success": 5,
    "one_failed": 6,
    "one_done": 7,
    "none_failed": 8,
    "none_skipped": 9,
    "always": 10,
    "none_failed_min_one_success": 11,
    "all_skipped": 12,
}
"""Stored as smallint beside the counters. Never renumber: rows of running DAG runs hold them."""


@dataclass(frozen=True, slots=True)
class UpstreamCounts:
    """How many direct upstream task instances there are, and how many ended in each way.

    `total` counts instances, not tasks: a mapped upstream counts once per map index. The `setups_*` count
    those upstreams that are setup tasks; they are contained in the others.
    """

    total: int
    success: int = 0
    failed: int = 0
    upstream_failed: int = 0
    skipped: int = 0
    removed: int = 0
    setups_success: int = 0
    setups_total: int = 0
    setups_skipped: int = 0

    @property
    def done(self) -> int:
        """Ended, in whatever way."""
        return self.success + self.failed + self.upstream_failed + self.skipped + self.removed


def _flag(rule: str, counts: UpstreamCounts, map_index: int) -> Decision | None:
    """The end state that the counts force on the task without it running, if any."""
    c = counts
    failures = c.failed + c.upstream_failed
    all_done = c.done >= c.total
    if rule == "all_success":
        return _strict(c, map_index)
    if rule == "all_failed":
        return Decision.SKIP if c.success or c.skipped else None
    if rule == "one_success":
        if all_done and c.done == c.skipped:
            return Decision.SKIP
        return Decision.UPSTREAM_FAIL if all_done and not c.success else None
    if rule == "one_failed":
        return Decision.SKIP if all_done and not failures else None
    if rule == "one_done":
        return Decision.SKIP if all_done and not (c.failed or c.success) else None
    if rule == "none_failed":
        return Decision.UPSTREAM_FAIL if failures else None
    if rule == "none_failed_min_one_success":
        if failures:
            return Decision.UPSTREAM_FAIL
        if c.skipped == c.total:
            return Decision.SKIP
        return Decision.UPSTREAM_FAIL if all_done and not c.success else None
    if rule == "none_skipped":
        return Decision.SKIP if c.skipped else None
    if rule == "all_skipped":
        return Decision.SKIP if c.success or failures else None
    if rule == "all_done_min_one_success":
        if c.skipped:
            return Decision.SKIP
        return Decision.UPSTREAM_FAIL if all_done and not c.success else None
    if rule == "all_done_setup_success" and all_done and c.setups_total:
        if c.setups_skipped >= c.setups_total:
            return Decision.SKIP
        return Decision.UPSTREAM_FAIL if not c.setups_success else None
    return None


def _strict(counts: UpstreamCounts, map_index: int) -> Decision | None:
    """All must succeed; also how the setups around a task are judged."""
    if counts.failed or counts.upstream_failed:
        return Decision.UPSTREAM_FAIL
    if counts.skipped:
        return Decision.SKIP
    # A map index whose own upstream index vanished: the mapped upstream shrank.
    if counts.removed and counts.success and map_index > -1 and map_index >= counts.success:
        return Decision.REMOVE
    return None


def _is_met(rule: str, counts: UpstreamCounts) -> bool:
    """Whether the task may run on these counts."""
    c = counts
    all_done = c.done >= c.total
    if rule == "all_success":
        return c.success + c.removed >= c.total
    if rule == "all_failed":
        return c.failed + c.upstream_failed + c.removed >= c.total
    if rule == "all_done":
        return all_done
    if rule == "all_done_min_one_success":
        return not c.skipped and all_done and c.success > 0
    if rule == "all_done_setup_success":
        return all_done and (not c.setups_total or c.setups_success > 0)
    if rule == "one_success":
        return c.success > 0
    if rule == "one_failed":
        return c.failed + c.upstream_failed > 0
    if rule == "one_done":
        return c.success + c.failed > 0
    if rule == "none_failed":
        return c.success + c.skipped + c.removed >= c.total
    if rule == "none_failed_min_one_success":
        return c.success + c.skipped + c.removed >= c.total and c.success > 0
    if rule == "none_skipped":
        return all_done and not c.skipped
    return c.skipped >= c.total  # all_skipped


def decide(
    *,
    rule: str,
    counts: UpstreamCounts,
    is_teardown: bool = False,
    map_index: int = -1,
    indirect_setups: UpstreamCounts | None = None,
    scope_pending: int = 0,
    has_upstream: bool | None = None,
) -> Decision:
    """What the task does now: run, wait, or end without running.

    `map_index` is the waiting instance's own (-1: not mapped). `indirect_setups` counts the setup tasks
    above the task that are not its direct upstreams: all must succeed before it runs, whatever its rule.
    `scope_pending` is how many tasks between a teardown and its setups are not done. A teardown ignores the
    first, everything else the second. `has_upstream` says whether there is an upstream at all, when none of
    its instances are looked at (`domain.readings.span`). Raises `RuleUnknown`.
    """
    if rule not in RULE_CODES:
        raise RuleUnknown(f"trigger rule {rule!r} is unknown; use one of {', '.join(sorted(RULE_CODES))}")
    # Airflow looks at nothing, not even setups, when there is no upstream or the rule is `always`.
    if not (counts.total > 0 if has_upstream is None else has_upstream) or rule == "always":
        return Decision.RUN
    above: Decision | None = None
    setups_met = True
    if indirect_setups is not None and not is_teardown:
        above = _strict(indirect_setups, map_index)
        expected = indirect_setups.total - (indirect_setups.removed if map_index > -1 else 0)
        setups_met = indirect_setups.success >= expected
        if above is not None and not setups_met:
            return above
    # A removal above leaves the setups met; the task's own upstreams then have the last word.
    forced = _flag(rule, counts, map_index) or above
    if forced is not None:
        return forced
    if not setups_met or not _is_met(rule, counts):
        return Decision.WAIT
    if is_teardown and scope_pending > 0:
        return Decision.WAIT
    return Decision.RUN
