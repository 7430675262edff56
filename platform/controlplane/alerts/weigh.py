"""What happened is weighed by the tenant's rules: findings become alerts, alerts plan their notifications.

Signals are rows, written by the statements in which things happen, and only where a rule wants them. The scheduler
hands them in as the work item `alert`, in the tenant's scope; a batch costs the same few statements whatever the
number of signals, rules and DAGs in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from controlplane.alerts.actions import act
from controlplane.alerts.links import log_url, slug_of
from controlplane.alerts.windows import Windows
from controlplane.foundation.db import execute, json_list
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.transitions import add_items
from domain.alerting import burn, regression
from domain.alerting.grouping import RAISED, group_key, normal_cause, owner_of
from domain.alerting.message import Occurrence
from domain.alerting.rules import KINDS, Subject, fits, setting
from domain.alerting.severity import severity_of

log = structlog.get_logger("alerts")

BATCH = 1000
LEAST_RUNS = 5
"""Fewer earlier runs say nothing of how long a run takes."""
SETTLED_BY_SUCCESS = (
    *("run_failed", "task_failed", "run_absent", "deadline_missed", "runtime_regression"),
    *("dag_paused", "retry_budget"),
)
_WORDS = {
    "run_failed": "the run failed",
    "task_failed": "the task failed",
    "task_retried": "the task failed and will be tried again",
    "run_absent": "no run for too long",
    "deadline_missed": "the deadline was missed",
    "run_succeeded": "the run ended",
    "import_error": "the file cannot be imported",
    "no_consumer": "no agent serves this queue",
    "secret_failed": "the secret could not be had",
    "dag_paused": "the DAG was paused",
    "retry_budget": "retries wait for the next hour",
    "canary_failed": "a deployment failed its trial",
    "budget_burn": "the budget is being used up",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """One row of take_signals.sql, in its order."""

    kind: str
    ref: UUID | None
    subject: str
    detail: dict[str, Any]
    at: datetime
    dag_id: str | None
    owners: list[str]
    tags: list[str]
    run_id: str | None
    run: UUID | None
    seconds: float | None
    task_id: str | None
    map_index: int
    try_number: int
    died: dict[str, Any] | None
    has_tries_left: bool

    @property
    def about(self) -> Subject:
        return Subject(self.dag_id, self.owners, self.tags)


@dataclass(slots=True)
class Finding:
    """What a rule found in this batch, for one group."""

    rule: AlertRule
    severity: str
    owner: str
    cause: str
    window: UUID | None
    failing: set[str] = field(default_factory=set)
    items: list[Occurrence] = field(default_factory=list)


def signals_due(*, ref: UUID | None, now: datetime, using: str) -> None:
    """Work item `alert`: weigh whatever is there. A full batch asks for another."""
    rows = execute("alerts/sql/take_signals.sql", using=using, batch=BATCH)
    if not rows:
        return
    signals = [Signal(*row) for row in rows]
    if len(rows) == BATCH:
        add_items(items=[("alert", None, now)], using=using)
    rules = list(AlertRule.objects.using(using).filter(is_enabled=True))
    windows = Windows.load(now=now, using=using)
    facts = Facts(signals, now, using)
    found: dict[tuple[UUID, str], Finding] = {}
    for rule in rules:
        for signal in signals:
            mine = signal.detail.get("rule") in (None, str(rule.id))
            if mine and signal.kind in KINDS[rule.kind].signals and fits(rule.selector, signal.about):
                _weigh(rule, signal, windows, found, facts)
    if found:
        _store(found, now, using)
    settle(signals=signals, now=now, using=using)


def settle(*, signals: Sequence[Signal], now: datetime, using: str) -> None:
    """Successes and mended files end what waited for them; who was told of it is told so."""
    good = sorted({one.dag_id for one in signals if one.kind == "run_succeeded" and one.dag_id})
    mended = sorted({one.subject for one in signals if one.kind == "import_mended"})
    for names, kinds in ((good, SETTLED_BY_SUCCESS), (mended, ("import_error",))):
        if not names:
            continue
        over = execute("alerts/sql/settle_dags.sql", using=using, dags=names, kinds=list(kinds), now=now)
        add_items(items=[("alert_tell", row[0], now) for row in over if row[1]], using=using)


class Facts:
    """What the rules of one batch need to know besides its signals: read once, and only if asked for."""

    def __init__(self, signals: Sequence[Signal], now: datetime, using: str) -> None:
        self.now, self.using, self.slug = now, using, slug_of(using)
        self._runs = {s.run: s.dag_id for s in signals if s.kind == "run_succeeded" and s.run and s.dag_id}
        self._durations: dict[UUID, list[float]] | None = None
        self._burns: dict[tuple[UUID, str | None], burn.Burn | None] = {}

    def durations(self) -> dict[UUID, list[float]]:
        if self._durations is None:
            rows = execute(
                "alerts/sql/earlier_durations.sql",
                using=self.using,
                runs=list(self._runs),
                dags=list(self._runs.values()),
                most=200,
            )
            self._durations = {row[0]: row[1] for row in rows}
        return self._durations

    def burning(self, rule: AlertRule, dag_id: str | None) -> burn.Burn | None:
        """Of a rule with a selector over all its DAGs together; without one over each DAG by itself."""
        key = (rule.id, None if rule.selector else dag_id)
        if key not in self._burns:
            self._burns[key] = self._burn(rule, dag_id)
        return self._burns[key]

    def _burn(self, rule: AlertRule, dag_id: str | None) -> burn.Burn | None:
        dags = [dag_id]
        if rule.selector:
            rows = execute("alerts/sql/newest_runs.sql", using=self.using)
            dags = [row[0] for row in rows if fits(rule.selector, Subject(row[0], row[1], row[2]))]
        counted = execute(
            "alerts/sql/count_ends.sql",
            using=self.using,
            dags=dags,
            windows=list(burn.WINDOWS),
            longest=max(burn.WINDOWS),
            now=self.now,
        )
        return burn.burning(
            counts={row[0]: (row[1], row[2]) for row in counted},
            objective=setting(rule.kind, rule.settings, "objective"),
            least_runs=int(setting(rule.kind, rule.settings, "least_runs")),
        )


def _weigh(
    rule: AlertRule,
    signal: Signal,
    windows: Windows,
    found: dict[tuple[UUID, str], Finding],
    facts: Facts,
) -> None:
    what, cause, is_fast = _WORDS.get(signal.kind, signal.kind), _cause(signal), False
    if (
        rule.kind == "task_failed"
        and signal.has_tries_left
        and not setting(rule.kind, rule.settings, "on_retry")
    ):
        return
    if rule.kind == "runtime_regression":
        slow = _slow(rule, signal, facts)
        if slow is None:
            return
        cause = "slower than its runs are"
        what = f"{slow.seconds:.0f} s, usually {slow.usual_seconds:.0f} s"
    elif rule.kind == "error_budget":
        burning = facts.burning(rule, signal.dag_id) if signal.kind == "run_failed" else None
        if burning is None:
            return
        cause, is_fast = f"the error budget burns ({burning.tier})", burning.is_fast
        what = f"{burning.rate:.1f} times too fast"
    severity = severity_of(
        kind=rule.kind,
        is_critical=rule.is_critical,
        has_tries_left=signal.has_tries_left,
        is_fast_burn=is_fast,
        chosen=rule.severity,
    )
    owner = owner_of(signal.owners)
    place = signal.dag_id or signal.subject
    key = group_key(rule=str(rule.id), owner=owner, cause=cause, dag_id=place)
    one = found.get((rule.id, key))
    if one is None:
        window = windows.silencing(signal.about)
        one = found[rule.id, key] = Finding(rule, severity, owner, cause, window)
    elif severity == "page":
        one.severity = "page"
    if place and rule.kind not in ("error_budget", "budget_burn"):
        one.failing.add(place)
    one.items.append(_occurrence(signal, what, facts.slug))


def _cause(signal: Signal) -> str:
    """What the ledger knows of why. Words of the platform, or its agents, never what a task printed."""
    died = signal.died or {}
    told = died.get("message") or died.get("reason") or signal.detail.get("reason") or ""
    if told in ("", "task_failure"):
        told = RAISED if signal.kind in ("task_failed", "task_retried", "run_failed") else signal.kind
    return normal_cause(str(told))


def _slow(rule: AlertRule, signal: Signal, facts: Facts) -> regression.Slow | None:
    if signal.seconds is None or signal.run is None:
        return None
    number = {name: setting(rule.kind, rule.settings, name) for name in KINDS[rule.kind].settings}
    return regression.slow_run(
        seconds=signal.seconds,
        earlier=facts.durations()[signal.run][: int(number["last"])],
        least_runs=LEAST_RUNS,
        deviations=number["deviations"],
        least_seconds=number["least_seconds"],
    )


def _occurrence(signal: Signal, what: str, slug: str) -> Occurrence:
    extra = signal.detail.get("what") or signal.subject
    return Occurrence(
        at=signal.at.isoformat(),
        dag_id=signal.dag_id,
        run_id=signal.run_id,
        task_id=signal.task_id or signal.detail.get("task_id"),
        map_index=signal.map_index,
        try_number=signal.detail.get("try_number") or signal.try_number,
        what=f"{what}: {extra}" if extra else what,
        log_url=log_url(
            dag_id=signal.dag_id,
            run_id=signal.run_id,
            task_id=signal.task_id,
            map_index=signal.map_index,
            try_number=signal.detail.get("try_number") or signal.try_number,
            slug=slug,
        ),
    )


def _store(found: dict[tuple[UUID, str], Finding], now: datetime, using: str) -> None:
    ones = list(found.items())
    rows = execute(
        "alerts/sql/store_alerts.sql",
        using=using,
        now=now,
        rules=[rule for (rule, _), _ in ones],
        keys=[key for (_, key), _ in ones],
        kinds=[one.rule.kind for _, one in ones],
        severities=[one.severity for _, one in ones],
        owners=[one.owner[:250] for _, one in ones],
        causes=[one.cause for _, one in ones],
        dags=json_list([sorted(one.failing) for _, one in ones]),
        items=json_list([[asdict(item) for item in one.items[-50:]] for _, one in ones]),
        counts=[len(one.items) for _, one in ones],
        waits=[float(one.rule.group_wait_seconds) for _, one in ones],
        repeats=[float(one.rule.repeat_seconds) for _, one in ones],
        windows=[one.window for _, one in ones],
    )
    opened: defaultdict[UUID, int] = defaultdict(int)
    for alert_id, rule_id, is_new, _, window in rows:
        if is_new:
            opened[rule_id] += 1
            log.info("alert.opened", alert=str(alert_id), rule=str(rule_id), silenced=window is not None)
    for _, one in ones:
        if opened[one.rule.id] and one.rule.action and one.window is None:
            act(action=one.rule.action, items=one.items, rule=one.rule, now=now, using=using)
            opened[one.rule.id] -= 1
