"""Rules, routes and maintenance windows of a tenant: checked, then stored. Called by the portal in the tenant's scope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from controlplane.alerts.absence import watch
from controlplane.ledger.models.alert_channel import AlertChannel
from controlplane.ledger.models.alert_route import AlertRoute
from controlplane.ledger.models.alert_rule import AlertRule
from controlplane.ledger.models.maintenance_window import MaintenanceWindow
from controlplane.ledger.transitions import add_items
from domain.alerting.rules import KINDS
from domain.ids import uuid7
from tenants.scope import require_tenant

MOST = 200
MOST_PATTERNS = 100
SEVERITIES = ("auto", "page", "ticket")
LONGEST_WINDOW = timedelta(days=60)


class RuleInvalid(ValueError):
    """A field of a rule, a route or a window cannot be what it is; `field` names it."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


class RuleTaken(ValueError):
    """The tenant has one of this name, or as many as there may be."""


class RuleUnknown(LookupError):
    """The tenant has no such rule or window."""


def find_rule(rule: UUID) -> AlertRule:
    """Raises RuleUnknown."""
    row = AlertRule.objects.filter(id=rule).first()
    if row is None:
        raise RuleUnknown(f"this tenant has no alert rule {rule}")
    return row


def put_rule(*, rule: AlertRule | None, given: Mapping[str, Any], now: datetime) -> AlertRule:
    """A new one, or `rule` with these fields. Raises RuleInvalid, RuleTaken; then nothing changed."""
    row = rule or AlertRule(id=uuid7(), tenant_id=require_tenant(), created_at=now, version=0)
    if rule is not None and given["kind"] != rule.kind:
        raise RuleInvalid("kind", "a rule keeps its kind: make another one")
    _check_rule(given)
    others = AlertRule.objects.exclude(id=row.id)
    if others.filter(name=given["name"]).exists():
        raise RuleTaken(f"there is a rule named {given['name']!r}")
    if rule is None and others.count() >= MOST:
        raise RuleTaken(f"a tenant has at most {MOST} rules")
    for name, value in given.items():
        setattr(row, name, [str(one) for one in value] if name == "channels" else value)
    row.updated_at, row.version = now, row.version + 1
    row.save(force_insert=rule is None)
    watch(rule=row, now=now)
    return row


def _check_rule(given: Mapping[str, Any]) -> None:
    if given["kind"] not in KINDS:
        raise RuleInvalid("kind", f"one of {', '.join(KINDS)}")
    known = KINDS[given["kind"]].settings
    for name, value in given["settings"].items():
        if name not in known:
            raise RuleInvalid(f"settings.{name}", f"{given['kind']} has no such setting")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RuleInvalid(f"settings.{name}", "a number")
        if not known[name].least <= value <= known[name].most:
            raise RuleInvalid(f"settings.{name}", f"from {known[name].least:g} to {known[name].most:g}")
    check_selector(given["selector"])
    check_channels("channels", given["channels"])
    before = 0.0
    for number, step in enumerate(given["escalation"]):
        check_channels(f"escalation.{number}.channels", step["channels"], least=1)
        if step["after_seconds"] <= before:
            raise RuleInvalid(
                f"escalation.{number}.after_seconds", "each step comes later than the one before"
            )
        before = step["after_seconds"]
    _check_action(given["action"])
    if given["runbook"] and urlsplit(given["runbook"]).scheme not in ("https", "http"):
        raise RuleInvalid("runbook", "an address that begins with https:// or http://")


def _check_action(action: Mapping[str, Any] | None) -> None:
    if action is None:
        return
    fields = {"pause": {"kind", "dag_ids"}, "trigger": {"kind", "dag_id", "conf"}}.get(
        str(action.get("kind"))
    )
    if fields is None:
        raise RuleInvalid("action.kind", "pause or trigger")
    for name in action.keys() - fields:
        raise RuleInvalid(f"action.{name}", "there is no such field")
    if action["kind"] == "pause":
        _check_patterns("action.dag_ids", action.get("dag_ids", []))
    elif not isinstance(action.get("dag_id"), str) or not 1 <= len(action["dag_id"]) <= 250:
        raise RuleInvalid("action.dag_id", "the id of a DAG")
    if not isinstance(action.get("conf", {}), dict):
        raise RuleInvalid("action.conf", "an object")


def check_selector(selector: Mapping[str, Any]) -> None:
    """Raises RuleInvalid."""
    for name, patterns in selector.items():
        if name not in ("dag_ids", "tags", "owners"):
            raise RuleInvalid(f"selector.{name}", "dag_ids, tags or owners")
        _check_patterns(f"selector.{name}", patterns)


def _check_patterns(field: str, patterns: Any) -> None:
    if not isinstance(patterns, list) or len(patterns) > MOST_PATTERNS:
        raise RuleInvalid(field, f"a list of at most {MOST_PATTERNS} patterns")
    for one in patterns:
        # Patterns with many stars would take the scheduler's time: each star may back up over the whole name.
        if not isinstance(one, str) or not 1 <= len(one) <= 250 or one.count("*") > 4 or "[" in one:
            raise RuleInvalid(field, "texts of 1 to 250 characters with at most four `*`, and no `[`")


def check_channels(field: str, ids: Sequence[UUID], *, least: int = 0) -> None:
    """Raises RuleInvalid for one that the tenant does not have."""
    if not least <= len(ids) <= 20:
        raise RuleInvalid(field, f"{least} to 20 channels")
    wanted = {str(one) for one in ids}
    there = {str(one) for one in AlertChannel.objects.filter(id__in=wanted).values_list("id", flat=True)}
    for one in sorted(wanted - there):
        raise RuleInvalid(field, f"this tenant has no channel {one}")


def put_routes(routes: Sequence[Mapping[str, Any]]) -> list[AlertRoute]:
    """Instead of all there were. Raises RuleInvalid."""
    rows = []
    for position, one in enumerate(routes):
        field = f"routes.{position}"
        _check_patterns(f"{field}.owner", [one["owner"]])
        check_channels(f"{field}.channels", one["channels"], least=1)
        rotation = one.get("rotation")
        rows.append(
            AlertRoute(
                tenant_id=require_tenant(),
                position=position,
                owner=one["owner"],
                severity=one.get("severity"),
                channels=[str(channel) for channel in one["channels"]],
                rotation=rotation
                and {
                    "starts_at": rotation["starts_at"].isoformat(),
                    "every_seconds": rotation["every_seconds"],
                },
            )
        )
    AlertRoute.objects.all().delete()
    return AlertRoute.objects.bulk_create(rows)


def make_window(*, given: Mapping[str, Any], by: str, now: datetime) -> MaintenanceWindow:
    """Its summary is planned. Raises RuleInvalid."""
    check_selector(given["selector"])
    check_channels("channels", given["channels"])
    if given["ends_at"] <= max(given["starts_at"], now):
        raise RuleInvalid("ends_at", "after its start, and not past")
    if given["ends_at"] - given["starts_at"] > LONGEST_WINDOW:
        raise RuleInvalid("ends_at", f"at most {LONGEST_WINDOW.days} days after its start")
    row = MaintenanceWindow(
        tenant_id=require_tenant(),
        created_by=by[:150],
        created_at=now,
        **{**given, "channels": [str(one) for one in given["channels"]]},
    )
    row.save(force_insert=True)
    add_items(items=[("window", row.id, row.ends_at)])
    return row


def end_window(*, window: UUID, now: datetime) -> MaintenanceWindow:
    """It ends now, with its summary. Raises RuleUnknown."""
    row = MaintenanceWindow.objects.select_for_update().filter(id=window).first()
    if row is None:
        raise RuleUnknown(f"this tenant has no maintenance window {window}")
    if row.ends_at > now:
        row.ends_at = max(now, row.starts_at)
        row.save(update_fields=["ends_at"])
        add_items(items=[("window", row.id, row.ends_at)])
    return row
