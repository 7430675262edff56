"""A tenant's report becomes messages: one row per channel, sent by `deliver.py` as alerts are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from controlplane.alerts.links import report_url, slug_of
from controlplane.alerts.rules import RuleInvalid, check_channels
from controlplane.alerts.tell import queue
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.report import Report
from domain.alerting.message import REPORT, Message, Occurrence


def check_receivers(ids: Sequence[UUID]) -> None:
    """Raises RuleInvalid for a channel that the tenant does not have, or that takes incidents only."""
    check_channels("channels", ids)
    if AlertChannel.objects.filter(id__in=list(ids), kind="pagerduty").exists():
        raise RuleInvalid("channels", "PagerDuty takes incidents, no reports")


def send_report(*, report: Report, channels: list[UUID], now: datetime, using: str) -> None:
    """In the tenant's scope; sent as soon as this commits."""
    slug = slug_of(using)
    until = report.last - timedelta(days=1)
    message = Message(
        id=str(report.id),
        event=REPORT,
        kind=REPORT,
        severity=REPORT,
        tenant=slug,
        rule=report.name,
        owner=report.asked_by,
        cause=f"{report.first} to {until}",
        url=report_url(slug=slug, report_id=str(report.id)),
        items=tuple(Occurrence(at=now.isoformat(), what=line) for line in lines(report.figures)),
        figures={"period": report.period, "first": str(report.first), "last": str(until), **report.figures},
    )
    queue(message=message, channels=channels, alert=None, now=now, using=using)


def lines(figures: Mapping[str, Any]) -> list[str]:
    """The figures for people, a line for each subject."""
    runs, before, alerts = figures["runs"], figures["runs_before"], figures["alerts"]
    still = f", {runs['unfinished']} not over" if runs["unfinished"] else ""
    said = [
        f"Runs: {runs['succeeded']} succeeded, {runs['failed']} failed{still}; success "
        f"{_percent(runs['success_rate'])}, before {_percent(before['success_rate'])}"
    ]
    said += [
        f"Error budget of {one['name']} at {_percent(one['objective'])}: {_percent(one['used'])} used"
        for one in figures["error_budgets"]
    ]
    said.append(
        f"Deadlines missed: {figures['deadlines_missed']}; alerts: {alerts['page']} pages, "
        f"{alerts['ticket']} tickets"
    )
    if figures["failing"]:
        worst = (f"{one['dag_id']} ({one['failed']})" for one in figures["failing"][:5])
        said.append(f"Most failures: {', '.join(worst)}")
    used, currency = figures["usage"], figures["currency"]
    if used is not None:
        said.append(
            f"Usage: {used['attempts']} attempts, {used['task_hours']:g} task-hours, {used['cpu_hours']:g} CPU-hours, "
            f"{used['memory_gib_hours']:g} GiB-hours{_money(used['cost_micros'], currency, ', ')}"
        )
    if currency is not None and figures["costliest"]:
        dear = (
            f"{one['dag_id'] or 'no DAG'}{_money(one['cost_micros'], currency, ' ')}"
            for one in figures["costliest"][:5]
        )
        said.append(f"Most cost: {', '.join(dear)}")
    said += [
        f"Budget of {one['dag_id'] or 'the tenant'}:{_money(one['spent_micros'], currency, ' ')} of"
        f"{_money(one['amount_micros'], currency, ' ')} in {one['month']}"
        for one in figures["budgets"][:5]
    ]
    return said


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share * 100:.4g} %"


def _money(micros: int, currency: str | None, before: str) -> str:
    return "" if currency is None else f"{before}{micros / 1e6:.2f} {currency}"
