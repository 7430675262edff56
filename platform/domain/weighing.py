"""What a task does that reads the instances above it: its trigger rule, and the two rules that can overrule it.

Airflow asks its dependencies in the order of a set, and some of them see what was decided in the same pass. Where two
of them set a state, this is what stands at the end there: a branch's choice, else a source that failed with its own
upstream, else the trigger rule's, else what a source that gave nothing means.
The SQL that decides says the same (`app.weigh`); `tests/equivalence` compares the two, and this is the oracle.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from domain.trigger_rules import Decision, UpstreamCounts, decide

LOOKS_FAR: Final = frozenset({"one_success", "one_failed", "one_done", "none_failed_min_one_success"})
"""Rules by which an instance that is not expanded looks at all of an expanded upstream in its group."""


@dataclass(frozen=True, slots=True)
class Above:
    """What a task reads. `setups`: those that are no direct upstream. `scope_pending`: what is not done between a
    teardown and its setups. `sources`: states of the ended, unexpanded instances it is mapped over. `is_sticky`:
    a branch above it has ended and did not choose it."""

    has_upstream: bool
    direct: UpstreamCounts
    setups: UpstreamCounts | None = None
    scope_pending: int = 0
    sources: Collection[str] = ()
    is_sticky: bool = False


def weigh(*, rule: str, above: Above, is_teardown: bool = False, map_index: int = -1) -> Decision:
    """What the task does now. Raises `RuleUnknown`."""
    decision = decide(
        rule=rule,
        counts=above.direct,
        is_teardown=is_teardown,
        map_index=map_index,
        indirect_setups=above.setups,
        scope_pending=above.scope_pending,
        has_upstream=above.has_upstream,
    )
    if above.is_sticky:
        return Decision.SKIP
    if "upstream_failed" in above.sources:
        return Decision.UPSTREAM_FAIL
    if decision in (Decision.SKIP, Decision.UPSTREAM_FAIL, Decision.REMOVE):
        return decision
    if "failed" in above.sources:
        return Decision.UPSTREAM_FAIL
    if "skipped" in above.sources:
        return Decision.SKIP
    return Decision.WAIT if "removed" in above.sources else decision
