"""GET and POST /tenants/{slug}/deployments; one of them, what it changed, roll-back to it; the mode."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.deployments.shapes import (
    DeploymentQuery,
    DeploymentShape,
    DeploymentsShape,
    DiffShape,
    ModeBody,
    ModeShape,
    NewDeploymentBody,
    RollBackBody,
)
from api.portal.deployments.trial_shapes import read_trial, shown_standing, shown_trial
from api.portal.pages import asked_of, page_of
from api.portal.view import PortalView
from api.problems import PermissionMissing, PortalNotFound, Problem, problem
from controlplane.bundles import canaries, deployments, history
from controlplane.bundles.canaries import Trial
from controlplane.bundles.deployments import DeploymentUnknown
from controlplane.dagprocessor.deploy import put_waiting_in_force
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.canary import Canary
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.deployment import Deployment
from controlplane.ledger.models.runtime import Runtime
from controlplane.secrets import overlays
from tenants.access import Access
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

_REFUSED = Problem(422, "deployment-refused", "This cannot be deployed")
_FAILED = Problem(409, "deployment-failed", "That deployment never worked")
_BUNDLE = (
    "id", "digest", "commit_sha", "branch", "source", "message", "pushed_by", "state",
)  # fmt: skip
_RUNTIME = ("id", "digest", "airflow", "python", "requirements", "state")
_OWN = (
    "number", "state", "reason", "of_number", "message", "created_by", "created_at", "activated_at", "ended_at",
    "summary",
)  # fmt: skip
_MOST_NUMBER = 2**31 - 1
_NEEDS = {"variables": "variables.edit", "connections": "connections.edit", "pools": "pools.edit"}


class Deployments(PortalView):
    @extend_schema(parameters=[DeploymentQuery], responses={200: DeploymentsShape})
    def get(self, request: Request, slug: str) -> Response:
        """Deployments, of all states or of one, newest first."""
        access = self.access(request, slug, "bundles.read")
        query = asked_of(DeploymentQuery, request)
        with tenant_scope(access.tenant_id):
            rows = Deployment.objects.select_related("bundle_version__runtime", "overlay")
            if query["state"]:
                rows = rows.filter(state=query["state"])
            mode, pinned = deployments.mode_of()
            page = page_of(request, rows, "-number")
            tried = canaries.trials_of(deployments=[row.id for row in page.rows])
            found = [shown(row, tried.get(row.id)) for row in page.rows]
            return page.answer("deployments", found, mode=mode, pinned=pinned)

    @extend_schema(request=NewDeploymentBody, responses={201: DeploymentShape})
    def post(self, request: Request, slug: str) -> Any:
        """Deploy a bundle version, in its own runtime or another, with these values bound to it."""
        access = self.access(request, slug, "deployments.edit")
        given = NewDeploymentBody(data=request.data)
        given.is_valid(raise_exception=True)
        body: dict[str, Any] = given.validated_data
        for kind, permission in _NEEDS.items():
            if kind in body and not access.may(permission):
                raise PermissionMissing(f"to bind {kind}, the role {access.role} must hold {permission}")
        trial: Any = read_trial(body["canary"]) if "canary" in body else deployments.INHERITED
        _may_try(access, trial)
        now = utc_now()
        with tenant_scope(access.tenant_id):
            current = deployments.in_force()
            bundle = _bundle(body, current, now)
            if isinstance(bundle, tuple):
                return problem(_REFUSED, detail=bundle[1], errors={bundle[0]: [bundle[1]]})
            overlay: Any = deployments.INHERITED
            if any(kind in body for kind in _NEEDS):
                base = overlays.read(current.overlay if current else None)
                values = overlays.Values(
                    variables=body.get("variables", base.variables),
                    connections=body.get("connections", base.connections),
                    pools=body.get("pools", base.pools),
                )
                overlay = overlays.make(values=values, created_by=access.name, now=now)
            made = deployments.ask_for(
                bundle=bundle,
                reason="person",
                created_by=access.name,
                message=body["message"],
                now=now,
                overlay=overlay,
                trial=trial,
            )
            answer = _deploy(made, bundle, now)
            if "canary" in body and answer["state"] == "active":
                _check_dag(trial)
            return Response(answer, status=201)


class OneDeployment(PortalView):
    @extend_schema(responses={200: DeploymentShape})
    def get(self, request: Request, slug: str, number: int) -> Response:
        """One deployment."""
        access = self.access(request, slug, "bundles.read")
        with tenant_scope(access.tenant_id):
            row = _get(number)
            return Response(shown(row, canaries.trials_of(deployments=[row.id]).get(row.id)))


class Diff(PortalView):
    @extend_schema(responses={200: DiffShape})
    def get(self, request: Request, slug: str, number: int) -> Response:
        """What it changed against `?against=` another, by default against what was in force before it."""
        access = self.access(request, slug, "bundles.read")
        against = request.query_params.get("against", "")
        with tenant_scope(access.tenant_id):
            newer = _get(number)
            if against:
                older = _get(
                    int(against) if against.isascii() and against.isdigit() and len(against) < 10 else 0
                )
            else:
                older = history.previous(deployment=newer)
            told = history.compare(older=older, newer=newer)
            bound = overlays.differences(older.overlay if older else None, newer.overlay)
        return Response(told | bound)


class RollBack(PortalView):
    @extend_schema(request=RollBackBody, responses={201: DeploymentShape})
    def post(self, request: Request, slug: str, number: int) -> Any:
        """Everything that deployment bound is in force again when the answer comes; begun runs go on as they are."""
        access = self.access(request, slug, "deployments.edit")
        given = RollBackBody(data=request.data)
        given.is_valid(raise_exception=True)
        now = utc_now()
        with tenant_scope(access.tenant_id):
            target = _get(number)
            if target.activated_at is None:
                return problem(
                    _FAILED, detail=f"deployment {number} was never in force; it is {target.state}"
                )
            made = deployments.ask_for(
                bundle=target.bundle_version,
                reason="rollback",
                created_by=access.name,
                message=given.validated_data["message"] or f"Roll back to {number}",
                now=now,
                overlay=target.overlay_id,
                of_number=number,
                trial=None,
            )
            if given.validated_data["pin"]:
                deployments.set_mode(pinned=made.number)
            answer = _deploy(made, target.bundle_version, now)
        return Response(answer, status=201)


class Mode(PortalView):
    @extend_schema(responses={200: ModeShape})
    def get(self, request: Request, slug: str) -> Response:
        """Whether pushes deploy by themselves."""
        access = self.access(request, slug, "bundles.read")
        with tenant_scope(access.tenant_id):
            return Response(_mode())

    @extend_schema(request=ModeBody, responses={200: ModeShape})
    def patch(self, request: Request, slug: str) -> Response:
        """Change it, or unpin with `"pinned": null`."""
        access = self.access(request, slug, "deployments.edit")
        given = ModeBody(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        with tenant_scope(access.tenant_id):
            before = _mode()
            if "canary" in wanted:
                trial = read_trial(wanted["canary"])
                _may_try(access, trial)
                if deployments.in_force() is not None:
                    _check_dag(trial)
                canaries.set_standing(trial=trial)
            deployments.set_mode(
                mode=wanted.get("mode"),
                pinned=wanted.get("pinned", deployments.INHERITED),
            )
            after = _mode()
            record_change(
                action="deployments.mode.changed",
                target="tenant:deployments",
                before=before,
                after=after,
            )
        return Response(after)


def shown(row: Deployment, trial: Canary | None = None) -> dict[str, Any]:
    """A deployment for people: names of what it binds, never values."""
    bundle, runtime = row.bundle_version, row.bundle_version.runtime
    return {
        **{name: getattr(row, name) for name in _OWN},
        "bundle": {name: getattr(bundle, name) for name in _BUNDLE},
        "runtime": {name: getattr(runtime, name) for name in _RUNTIME} if runtime else None,
        "bound": deployments.names_bound(row.overlay),
        "canary": shown_trial(trial, deployment_state=row.state),
    }


def _get(number: int) -> Deployment:
    if number > _MOST_NUMBER:
        raise PortalNotFound(f"this tenant has no deployment {number}")
    try:
        return deployments.get_deployment(number=number)
    except DeploymentUnknown as error:
        raise PortalNotFound(str(error)) from error


def _bundle(body: dict[str, Any], current: Deployment | None, now: Any) -> BundleVersion | tuple[str, str]:
    """The bundle version that the request means, or (field, why there is none)."""
    if "bundle_id" in body:
        bundle = _one_bundle(body["bundle_id"])
        if bundle is None:
            return "bundle_id", f"this tenant has no bundle version {body['bundle_id']}"
    elif current is not None:
        bundle = current.bundle_version
    else:
        return "bundle_id", "nothing is in force yet: name the bundle version to deploy"
    if (runtime_id := body.get("runtime_id")) is not None and runtime_id != bundle.runtime_id:
        if not Runtime.objects.filter(id=runtime_id).exists():
            return "runtime_id", f"this tenant has no runtime {runtime_id}"
        bundle = deployments.bundle_with_runtime(
            bundle=bundle, runtime_id=runtime_id, now=now, using="default"
        )
    return bundle


def _one_bundle(bundle_id: UUID) -> BundleVersion | None:
    return BundleVersion.objects.filter(id=bundle_id).first()


def _deploy(made: Deployment, bundle: BundleVersion, now: Any) -> dict[str, Any]:
    """In this transaction when everything about it is known, else as soon as it is parsed."""
    put_waiting_in_force(bundle=bundle, now=now)
    record_change(
        action=f"deployment.{'rolled_back' if made.reason == 'rollback' else 'asked'}",
        target=f"deployment:{made.number}",
        after={"bundle": str(bundle.id), "reason": made.reason, "of_number": made.of_number},
    )
    row = deployments.get_deployment(number=made.number)
    return shown(row, canaries.trials_of(deployments=[row.id]).get(row.id))


def _mode() -> dict[str, Any]:
    mode, pinned = deployments.mode_of()
    return {"mode": mode, "pinned": pinned, "canary": shown_standing(canaries.standing())}


def _may_try(access: Access, trial: Any) -> None:
    """Raises PermissionMissing: a trial of a DAG is a run."""
    if isinstance(trial, Trial) and trial.dag_id and not access.may("runs.edit"):
        raise PermissionMissing(f"to run a DAG as canary, the role {access.role} must hold runs.edit")


def _check_dag(trial: Trial | None) -> None:
    """What is in force must have the DAG that is to be run. Raises a ValidationError, and nothing is changed."""
    if trial is None or not trial.dag_id:
        return
    if not Dag.objects.filter(dag_id=trial.dag_id, is_stale=False).exists():
        raise ValidationError({"canary": {"dag_id": [f"what is in force has no DAG {trial.dag_id!r}"]}})
