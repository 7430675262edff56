"""Every periodic job of the platform, registered in one place: the doors know all stations.

A job of your station: write `run(*, now, using) -> str | None` there (see `foundation.periodic`) and name it here.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from controlplane.alerts.report import send_report
from controlplane.audit_streams.visit import visit_chains
from controlplane.bundles.sweep import sweep_artefacts
from controlplane.execution import large_xcoms
from controlplane.foundation.periodic import register
from controlplane.maintenance import reports
from controlplane.maintenance.accounts import forget_old
from controlplane.maintenance.purge import FarewellPutOff, purge_tenants
from controlplane.secrets.contract import KeyUnavailable
from controlplane.secrets.farewell import forget_tenant


def _sweep_xcoms(*, now: datetime, using: str) -> str:
    return f"{large_xcoms.sweep(now=now, using=using)} objects deleted"


def _make_reports(*, now: datetime, using: str) -> str:
    return reports.make_due(now=now, using=using, send=send_report)


def _forget_secrets(tenant_id: UUID) -> None:
    try:
        forget_tenant(tenant_id)
    except KeyUnavailable as error:
        raise FarewellPutOff(str(error)) from error


def _purge_tenants(*, now: datetime, using: str) -> str:
    return purge_tenants(now=now, using=using, farewells=(_forget_secrets,))


def register_jobs() -> None:
    """Once per process that runs or shows them; again does nothing."""
    register(
        name="audit.visit",
        what="Signs audit chains that moved and sends their rows to the tenants' streams",
        run=visit_chains,
        every_seconds=5,
        at_most_seconds=120,
    )
    register(
        name="xcoms.sweep",
        what="Deletes stored XCom objects that no row names any more",
        run=_sweep_xcoms,
        every_seconds=600,
        at_most_seconds=120,
    )
    register(
        name="artefacts.sweep",
        what="Deletes stored artefacts that no tenant has a bundle of any more",
        run=sweep_artefacts,
        every_seconds=3600,
        at_most_seconds=120,
    )
    register(
        name="tenants.purge",
        what="Deletes what is left of tenants whose time for undoing is over",
        run=_purge_tenants,
        every_seconds=300,
        at_most_seconds=120,
    )
    register(
        name="reports.make",
        what="Counts the runs of the day before and makes tenants' weekly and monthly reports",
        run=_make_reports,
        every_seconds=300,
        at_most_seconds=300,
    )
    register(
        name="accounts.forget",
        what="Forgets sign-ins, invitations and unfinished second factors that are over",
        run=forget_old,
        every_seconds=3600,
    )
