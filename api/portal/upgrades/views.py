"""GET and PUT /tenants/{slug}/airflow; POST /tenants/{slug}/upgrade-previews and one's report."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.upgrades.shapes import AirflowsShape, UpgradeBody, UpgradePreviewShape
from api.portal.view import PortalView, read
from api.problems import PortalNotFound, Problem, problem
from controlplane.bundles import deployments, runtimes
from controlplane.dagprocessor.compare import compare_bundles
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import notify
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.transitions import add_items
from tenants.audit.record import record_change
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope

_NOT_OFFERED = Problem(422, "airflow-not-offered", "This Airflow version is not offered")
_NOTHING = Problem(409, "nothing-deployed", "Nothing is in force to try an upgrade with")


class Airflow(PortalView):
    @extend_schema(responses={200: AirflowsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Which versions there are, and which one pushes are built with."""
        access = self.access(request, slug, "runtimes.read")
        with tenant_scope(access.tenant_id):
            return Response(_airflows())

    @extend_schema(request=UpgradeBody, responses={200: AirflowsShape})
    def put(self, request: Request, slug: str) -> Any:
        """Build pushes with another version from now on. What is deployed stays on its own."""
        access = self.access(request, slug, "runtimes.edit")
        wanted = read(UpgradeBody, request)["airflow"]
        if (refused := _not_offered(wanted)) is not None:
            return refused
        with tenant_scope(access.tenant_id):
            before = runtimes.chosen_airflow()
            tenant = Tenant.objects.select_for_update().get(id=access.tenant_id)
            Tenant.objects.filter(id=tenant.id).update(settings=tenant.settings | {"airflow": wanted})
            record_change(
                action="tenant.airflow.changed",
                target=f"tenant:{tenant.id}",
                before={"airflow": before},
                after={"airflow": wanted},
            )
            return Response(_airflows())


class UpgradePreviews(PortalView):
    @extend_schema(request=UpgradeBody, responses={202: UpgradePreviewShape})
    def post(self, request: Request, slug: str) -> Any:
        """Build what is in force with another version and import every DAG in it; nothing is deployed."""
        access = self.access(request, slug, "runtimes.edit")
        wanted = read(UpgradeBody, request)["airflow"]
        if (refused := _not_offered(wanted)) is not None:
            return refused
        now = utc_now()
        with tenant_scope(access.tenant_id):
            current = deployments.in_force()
            if current is None or current.bundle_version.runtime is None:
                return problem(_NOTHING, detail="push DAGs first")
            text = current.bundle_version.runtime.requirements
            runtime = runtimes.ensure_runtime(requirements=text.encode(), airflow=wanted, now=now)
            bundle = deployments.bundle_with_runtime(
                bundle=current.bundle_version, runtime_id=runtime.id, now=now, using="default"
            )
            if bundle.state == "failed":
                BundleVersion.objects.filter(id=bundle.id).update(state="received", parsed_at=None)
            if bundle.state != "parsed":
                add_items(items=[("parse", bundle.id, now)])
                notify("work", str(access.tenant_id))
            return Response(_preview(bundle.id), status=202)


class UpgradePreview(PortalView):
    @extend_schema(responses={200: UpgradePreviewShape})
    def get(self, request: Request, slug: str, bundle_id: UUID) -> Response:
        """How far it is, and what the upgrade would change once it is known."""
        access = self.access(request, slug, "runtimes.read")
        with tenant_scope(access.tenant_id):
            return Response(_preview(bundle_id))


def _airflows() -> dict[str, Any]:
    return {"chosen": runtimes.chosen_airflow(), "offered": list(runtimes.offered_airflows())}


def _not_offered(wanted: str) -> Any:
    if wanted in runtimes.offered_airflows():
        return None
    detail = f"there is {', '.join(runtimes.offered_airflows())}"
    return problem(_NOT_OFFERED, detail=detail, errors={"airflow": [detail]})


def _preview(bundle_id: UUID) -> dict[str, Any]:
    bundle = BundleVersion.objects.select_related("runtime").filter(id=bundle_id).first()
    if bundle is None or bundle.runtime is None:
        raise PortalNotFound(f"this tenant has no bundle version {bundle_id}")
    current = deployments.in_force()
    report = None
    if bundle.state == "parsed" and current is not None:
        report = compare_bundles(old=current.bundle_version, new=bundle)
    return {
        "bundle_id": bundle.id,
        "airflow": bundle.runtime.airflow,
        "runtime_state": bundle.runtime.state,
        "runtime_message": bundle.runtime.message,
        "state": bundle.state,
        "report": report,
    }
