"""What a task reads of the instances above it before it is decided, when counting is not enough.

Most tasks are decided by counting the ends of their direct upstreams, whatever instance ended. Some are not:
those in a mapped task group look at the index that belongs to theirs, those below a setup also at setups that
are no direct upstream, a teardown at what lies between it and its setups, a task mapped over an XCom at its
source, one below a branch at what the branch chose. For each of those, `readings` names what is read and of
which map indexes; `ledger/sql/weigh_tasks.sql` reads it. Source: Airflow 3.3.2, `ti_deps/deps/trigger_rule_dep.py`,
`mapped_task_upstream_dep.py`, `not_previously_skipped_dep.py` and `_get_relevant_map_indexes`.

Pure. Called when a DAG version is stored; the reference scheduler of the tests reads the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.graph import closure_masks, upstream_map
from domain.mapping import ExpandInputInvalid, length, xcom_sources
from taskwire.dagspec import DagSpec, ExpandInput, TaskSpec


class Role(StrEnum):
    """Why an upstream is read."""

    DIRECT = "direct"
    SETUP = "setup"
    """A setup above that is no direct upstream: all must succeed."""
    SCOPE = "scope"
    """Between a teardown and its setups: all must be done."""
    SOURCE = "source"
    """Gives the XCom that the task, or the mapped group around it, is expanded over."""
    SKIP = "skip"
    """A branch or short circuit: its XCom says whom it skipped."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One upstream that is read. `near`: 0 all its instances; 1 the one whose index the reader's lies in;
    2 the span of as many instances as the reader has inside the common group (see `span`). `depth`: how many
    mapped groups enclose both, which is where the common group stands. `expanded`: it has map indexes."""

    up: int
    task_id: str
    role: Role
    near: int = 0
    depth: int = 0
    setup: bool = False
    expanded: bool = False


MOST_INSTANCES = 100_000
"""Of one task in one run. Airflow has no such bound; it only bounds the length of a single value."""


def is_expanded(task: TaskSpec) -> bool:
    """Whether the task has map indexes: mapped itself, or in a mapped group."""
    return task.is_mapped or bool(task.mapped_group_ids)


def expand_inputs(spec: DagSpec, task: TaskSpec) -> list[ExpandInput | None]:
    """What the instances of a task are made of, outermost group first; None for an empty input."""
    groups = (
        {group.group_id: group.expand for group in spec.groups if group.is_mapped}
        if task.mapped_group_ids
        else {}
    )
    inputs = [groups.get(group_id) for group_id in task.mapped_group_ids]
    return [*inputs, task.expand] if task.is_mapped else inputs


def known_lengths(spec: DagSpec, task: TaskSpec) -> list[int] | None:
    """The lengths of `expand_inputs` when all are told by the file; None when one comes from a run, or makes no
    sense (which the run will say)."""
    try:
        lengths = [0 if each is None else length(each, {}) for each in expand_inputs(spec, task)]
    except ExpandInputInvalid:
        return None
    known = [each for each in lengths if each is not None]
    return known if len(known) == len(lengths) and is_expanded(task) else None


def first_count(spec: DagSpec, task: TaskSpec) -> int:
    """How many instances a new run has of the task: one that is not expanded yet is one."""
    count = 1
    for each in known_lengths(spec, task) or []:
        count *= each
    return max(count, 1)


def span(*, reading: Reading, map_index: int, lengths: Sequence[int]) -> tuple[int, int] | None:
    """First and last index that an instance reads of an upstream, None for all. `lengths` are those of the
    reader's mapped groups, outermost first. An instance that is not expanded reads no expanded ones (-1, -1)."""
    if reading.near == 0:
        return None
    if map_index < 0:
        return (-1, -1)
    inside = 1
    for each in lengths[reading.depth :]:
        inside *= each
    first = map_index // inside
    # As in Airflow, the span is as wide as the reader's expansion, not the upstream's.
    return (first, first) if reading.near == 1 else (first * inside, first * inside + inside - 1)


def readings(spec: DagSpec) -> list[list[Reading] | None]:
    """Per task in the spec's order what it reads; None when counting its direct upstreams is enough."""
    tasks = spec.tasks
    index = {task.task_id: position for position, task in enumerate(tasks)}
    upstream = upstream_map(tasks)
    scopes = _Scopes(spec, index) if any(t.is_setup or t.is_teardown for t in tasks) else None
    found: list[list[Reading] | None] = []
    for position, task in enumerate(tasks):
        above = [index[name] for name in upstream[task.task_id]]
        more = [_reading(tasks, task, up, Role.SOURCE) for up in _sources(spec, task, index)]
        more += [_reading(tasks, task, up, Role.SKIP) for up in above if tasks[up].can_skip_downstream]
        if scopes is not None and task.is_teardown:
            more += [_reading(tasks, task, up, Role.SCOPE) for up in scopes.between(position, above)]
        elif scopes is not None:
            more += [_reading(tasks, task, up, Role.SETUP) for up in scopes.setups(position, above)]
        if more or task.mapped_group_ids:
            found.append([*(_reading(tasks, task, up, Role.DIRECT) for up in above), *more])
        else:
            found.append(None)
    return found


def _reading(tasks: Sequence[TaskSpec], task: TaskSpec, up: int, role: Role) -> Reading:
    other = tasks[up]
    if role is Role.SOURCE:
        return Reading(up, other.task_id, role)
    if role is Role.SKIP:
        # Where the branch left its XCom: only a branch that is itself mapped has one per index.
        return Reading(up, other.task_id, role, near=int(other.is_mapped))
    depth = 0
    for mine, its in zip(task.mapped_group_ids, other.mapped_group_ids, strict=False):
        if mine != its:
            break
        depth += 1
    further = other.is_mapped or len(other.mapped_group_ids) > depth
    near = 0 if depth == 0 else 2 if further else 1
    return Reading(
        up, other.task_id, role, near=near, depth=depth, setup=other.is_setup, expanded=is_expanded(other)
    )


def _sources(spec: DagSpec, task: TaskSpec, index: dict[str, int]) -> list[int]:
    """The closest expansion's sources, as Airflow looks at them: the task's own, else its group's."""
    inputs = expand_inputs(spec, task)
    if not inputs or inputs[-1] is None:
        return []
    # A source that is missing, or not above the task, can never be waited for.
    return sorted(index[name] for name in xcom_sources(inputs[-1]) if name in index)


class _Scopes:
    """Which setups and teardowns belong to which tasks."""

    def __init__(self, spec: DagSpec, index: dict[str, int]) -> None:
        self.below, self.above = closure_masks(spec)
        self.setup_mask = _mask(index[t.task_id] for t in spec.tasks if t.is_setup)
        self.teardown_mask = _mask(index[t.task_id] for t in spec.tasks if t.is_teardown)
        self.direct_below = [_mask(index[name] for name in t.downstream) for t in spec.tasks]

    def setups(self, position: int, direct: Sequence[int]) -> list[int]:
        """Setups above that are no direct upstream, and whose teardown (if any) is below the task."""
        ending = self.below[position] & self.teardown_mask
        return [
            setup
            for setup in _bits(self.above[position] & self.setup_mask & ~_mask(direct))
            if not (teardowns := self.direct_below[setup] & self.teardown_mask) or teardowns & ending
        ]

    def between(self, position: int, direct: Sequence[int]) -> list[int]:
        """What lies between a teardown and those of its direct upstreams that are setups."""
        scope = 0
        for setup in direct:
            if self.setup_mask >> setup & 1:
                scope |= self.below[setup]
        return _bits(scope & self.above[position] & ~_mask(direct))


def _mask(positions: Iterable[int]) -> int:
    mask = 0
    for position in positions:
        mask |= 1 << position
    return mask


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found
