"""What attempts say, checked and sorted into what each statement takes. Pure.

Nothing of a report is sorted in before all of it has been checked: a report is written whole or not at all,
and one that cannot be read is no reason to refuse the others of its batch.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.execution import large_xcoms
from controlplane.execution.deferring import DeferralInvalid, deferral_of
from controlplane.execution.emitting import EmissionInvalid, Emitted, emitted_of
from controlplane.execution.outcome import OutcomeInvalid, RetryFacts, outcome_of
from controlplane.execution.storable import REPLACEMENT, NotStorable, json_text, plain_text
from controlplane.ledger.deferral import Deferral
from controlplane.ledger.transitions import Outcome, Skip, XComWrite
from taskwire.agent import Operation, Report
from taskwire.dagspec import Struct

LABEL, KEY, TASK = 250, 512, 250
"""Longest texts of these, as their columns."""


class _XCom(Struct, kw_only=True):
    key: str
    value: Any = None
    mapped_length: int | None = None


class _Rendered(Struct, kw_only=True):
    rendered_fields: dict[str, Any]


class _Label(Struct, kw_only=True):
    rendered_map_index: str


class _Skips(Struct, kw_only=True):
    tasks: list[str | tuple[str, int]]


@dataclass(slots=True)
class Said:
    """What one report says. `outcome` is how the attempt ends; `back` that it is handed back instead."""

    id: UUID
    epoch: int
    xcoms: list[XComWrite] = field(default_factory=list)
    rendered: list[tuple[UUID, int, str]] = field(default_factory=list)
    labels: list[tuple[UUID, int, str]] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    other: list[Operation] = field(default_factory=list)
    outcome: Outcome | None = None
    deferral: Deferral | None = None
    emitted: Emitted | None = None
    back: bool = False

    @property
    def wanted(self) -> str | None:
        """The state that the attempt should have afterwards, if the report names one."""
        if self.back:
            return "scheduled"
        return self.outcome.state if self.outcome else None


def read_report(
    *,
    task_instance: UUID,
    report: Report,
    facts: RetryFacts | None,
    other_kinds: Collection[str],
    now: datetime,
) -> Said:
    """Check and sort one report. Raises OutcomeInvalid."""
    said = Said(task_instance, report.epoch)
    ends = any(op.kind in ("state", "handed_back") for op in report.operations)
    endings = 0
    for op in report.operations:
        if op.kind == "state":
            endings += 1
            said.outcome = outcome_of(
                task_instance=task_instance, epoch=report.epoch, body=op.body, facts=facts, now=now
            )
            if said.outcome.state == "success":
                try:
                    said.emitted = emitted_of(task_instance=task_instance, body=op.body)
                except EmissionInvalid as error:
                    raise OutcomeInvalid(str(error)) from error
            if said.outcome.state == "deferred":
                try:
                    said.deferral = deferral_of(
                        task_instance=task_instance, epoch=report.epoch, body=op.body, now=now
                    )
                except DeferralInvalid as error:
                    raise OutcomeInvalid(str(error)) from error
        elif op.kind == "handed_back":
            endings += 1
            said.back = True
        elif op.kind in other_kinds:
            said.other.append(op)
        else:
            try:
                _read(said, op, ends)
            except NotStorable as error:
                raise OutcomeInvalid(f"{op.kind}: {error}") from error
    if endings > 1:
        raise OutcomeInvalid("a report may hold one state only")
    return said


def _read(said: Said, op: Operation, ends: bool) -> None:
    me = (said.id, said.epoch)
    if op.kind == "xcom_set":
        xcom = _body(op, _XCom)
        key = plain_text(xcom.key, name="key", longest=KEY + 1)
        if len(key) > KEY:
            raise OutcomeInvalid(f"the key {key[:50]!r}… is longer than {KEY} characters")
        text = json_text(xcom.value)
        size = large_xcoms.check_size(key=key, text=text)
        said.xcoms.append(XComWrite(*me, key, text, xcom.mapped_length, ends, size=size))
    elif op.kind == "rendered_fields":
        # Only for people to look at: what cannot be stored is replaced, not refused.
        said.rendered.append((*me, json_text(_body(op, _Rendered).rendered_fields, nul=REPLACEMENT)))
    elif op.kind == "rendered_map_index":
        label = _body(op, _Label).rendered_map_index
        said.labels.append((*me, plain_text(label, name="rendered_map_index", longest=LABEL)))
    elif op.kind == "skip_downstream":
        for task in _body(op, _Skips).tasks:
            # As in Airflow, a bare name is the unmapped (or not yet expanded) instance.
            task_id, map_index = (task, -1) if isinstance(task, str) else task
            said.skips.append(Skip(*me, plain_text(task_id, name="task", longest=TASK), map_index))
    else:
        raise OutcomeInvalid(f"operation {op.kind!r} is unknown")


def _body(op: Operation, kind: type[Any]) -> Any:
    try:
        return msgspec.convert(op.body, kind)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid(f"{op.kind} cannot be read: {error}") from error
