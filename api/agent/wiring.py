"""Strangers are introduced here, above all of them: who handles work of other stations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.alerts import absence, callbacks, deadlines, order, recovery, tell, weigh, windows
from controlplane.bundles import receive, reparse, runtimes
from controlplane.dagprocessor import canary, dispatch, store, workload
from controlplane.execution import report, task_states
from controlplane.execution.outcome import OutcomeInvalid
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.runtime import Runtime
from controlplane.ledger.models.workload import Workload as Work
from controlplane.maintenance import usage
from controlplane.runs import timetables
from controlplane.secrets import connection_tests
from controlplane.triggerer import asset_watchers, events
from taskwire.parsing import ParseReport
from taskwire.workload import Workload


def _parse_due(*, ref: UUID, now: datetime, using: str) -> None:
    dispatch.dispatch_parse(bundle_id=ref, now=now, using=using)


def _build_due(*, ref: UUID, now: datetime, using: str) -> None:
    runtimes.dispatch_build(runtime_id=ref, now=now, using=using)


def _parse_lost(*, ref: UUID, reason: str, now: datetime, using: str) -> None:
    dispatch.fail_parse(bundle_id=ref, reason=reason, now=now, using=using)


def _build_lost(*, ref: UUID, reason: str, now: datetime, using: str) -> None:
    runtimes.store_built(runtime_id=ref, ok=False, message=reason, log="", now=now, using=using)


def _parsed(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    try:
        told = msgspec.convert(body, ParseReport)
    except msgspec.ValidationError as error:
        raise OutcomeInvalid(f"the parse report cannot be read: {error}") from error
    store.store_report(bundle_id=id, report=told, now=now, using=using)


def _built(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    runtimes.store_built(
        runtime_id=id,
        ok=bool(body.get("ok")),
        message=str(body.get("message", "")),
        log=str(body.get("log", "")),
        now=now,
        using=using,
    )
    Work.objects.using(using).filter(kind="build", ref=id).delete()


def _parse_order(*, ref: UUID, epoch: int, tenant_id: UUID, slug: str, using: str) -> Workload | None:
    bundle = BundleVersion.objects.using(using).select_related("runtime").filter(id=ref).first()
    if bundle is None or bundle.state not in {"received", "parsing"}:
        return None
    return workload.parse_workload(bundle=bundle, using=using)


def _build_order(*, ref: UUID, epoch: int, tenant_id: UUID, slug: str, using: str) -> Workload | None:
    runtime = Runtime.objects.using(using).filter(id=ref).first()
    if runtime is None or runtime.state not in {"queued", "building"}:
        return None
    return workload.build_workload(runtime=runtime, using=using)


def _callback_order(*, ref: UUID, epoch: int, tenant_id: UUID, slug: str, using: str) -> Workload | None:
    return order.callback_order(
        ref=ref, epoch=epoch, tenant_id=tenant_id, slug=slug, now=utc_now(), using=using
    )


def _test_order(*, ref: UUID, epoch: int, tenant_id: UUID, slug: str, using: str) -> Workload | None:
    return connection_tests.order(
        ref=ref, epoch=epoch, tenant_id=tenant_id, slug=slug, now=utc_now(), using=using
    )


def _timetabled(*, id: UUID, epoch: int, body: dict[str, Any], now: datetime, using: str) -> None:
    timetables.timetable_told(ref=id, epoch=epoch, body=body, now=now, using=using)


ITEM_HANDLERS = {
    "parse": _parse_due,
    "build": _build_due,
    "watch": deadlines.watch_run,
    "deadline": deadlines.deadline_due,
    "alert": weigh.signals_due,
    "alert_tell": tell.alert_due,
    "alert_escalate": tell.escalation_due,
    "alert_absent": absence.absence_due,
    "alert_check": recovery.check_due,
    "window": windows.window_over,
    "watchers": asset_watchers.sync_due,
    "forget": task_states.forget_due,
    "usage": usage.usage_due,
    "reparse": reparse.interval_over,
    "canary": canary.canaries_due,
}
"""What the scheduler does with items of other stations."""

GIVE_UP = {
    "parse": _parse_lost,
    "build": _build_lost,
    "timetable": timetables.timetable_lost,
    "callback": callbacks.lost,
    connection_tests.KIND: connection_tests.give_up,
}
"""What rescue does with work of other stations that was lost too often."""

PAYLOADS = {
    "parse": _parse_order,
    "build": _build_order,
    "timetable": timetables.timetable_workload,
    "callback": _callback_order,
    connection_tests.KIND: _test_order,
}
"""What an agent is given that claims work of other stations; None drops the work, it is over."""


def recover() -> None:
    """Pushes whose process died between the ref and the version: publish them now, not at the next push."""
    receive.reconcile_all(now=utc_now())


def connect() -> None:
    """Reports may say how work of other stations goes. Once per process that takes reports."""
    report.OTHER_WORK.update({"parsed": _parsed, "built": _built, "timetabled": _timetabled})
    events.WATCHERS["event"] = asset_watchers.heard
    report.OTHER_WORK.update(
        {
            "trigger_event": events.fired,
            "trigger_failed": events.failed,
            "trigger_released": events.released,
        }
    )
    report.OTHER_WORK.update({"callback_begun": callbacks.begun, "callback_done": callbacks.done})
    report.OTHER_WORK["connection_tested"] = connection_tests.tested
