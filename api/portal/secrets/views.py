"""GET, PUT /tenants/{slug}/secret-chain; POST /tenants/{slug}/secret-chain/check."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.secrets.shapes import ChainBody, ChainShape, ChecksShape
from api.portal.view import PortalView
from api.problems import Problem, problem
from controlplane.foundation.clock import utc_now
from controlplane.secrets import chain
from controlplane.secrets.chain_settings import ChainInvalid
from controlplane.secrets.source import SourceFailed
from tenants.audit.record import record_change
from tenants.scope import tenant_scope

_INVALID = Problem(422, "secret-chain-invalid", "These secret stores cannot be set")
_CHANGED = Problem(412, "precondition-failed", "It was changed meanwhile")
PROBE = "aerodrome-probe"
"""A Variable that need not exist: the answer "absent" says that the store can be read."""


class SecretChain(PortalView):
    @extend_schema(responses={200: ChainShape})
    def get(self, request: Request, slug: str) -> Response:
        """The stores in the order in which they are asked. No credential of theirs is ever told."""
        access = self.access(request, slug, "secrets.read")
        with tenant_scope(access.tenant_id):
            return _told(chain.read())

    @extend_schema(request=ChainBody, responses={200: ChainShape})
    def put(self, request: Request, slug: str) -> Response | HttpResponse:
        """Replace the chain, if it still is `version`. The next task reads through it."""
        access = self.access(request, slug, "secrets.edit")
        given = request.data
        if not isinstance(given, dict) or given.keys() - {"stores", "declared_only", "version"}:
            raise serializers.ValidationError(
                {"body": ["send `stores`, `version`, and perhaps `declared_only`"]}
            )
        expected = given.get("version")
        if not isinstance(expected, int) or isinstance(expected, bool) or expected < 0:
            raise serializers.ValidationError({"version": ["send the version that GET gave"]})
        if "stores" not in given:
            raise serializers.ValidationError({"stores": ["send the list"]})
        declared_only = given.get("declared_only", False)
        if not isinstance(declared_only, bool):
            raise serializers.ValidationError({"declared_only": ["must be true or false"]})
        try:
            with tenant_scope(access.tenant_id):
                before = chain.read()
                after = chain.put(
                    stores=given["stores"], declared_only=declared_only, expected=expected, now=utc_now()
                )
                record_change(
                    action="secret-chain.changed",
                    target=f"secret-chain:{access.tenant_id}",
                    before={"stores": list(before.stores), "declared_only": before.declared_only},
                    after={"stores": list(after.stores), "declared_only": after.declared_only},
                )
                return _told(after)
        except ChainInvalid as error:
            named: dict[str, list[str]] = {}
            for each in error.errors:
                named.setdefault(each["field"], []).append(each["message"])
            return problem(_INVALID, detail=str(error), errors=named)
        except chain.ChainChanged as error:
            return problem(_CHANGED, detail=str(error))


class SecretChainCheck(PortalView):
    @extend_schema(request=None, responses={200: ChecksShape})
    def post(self, request: Request, slug: str) -> Response:
        """Ask each store for a name that need not exist, and tell how it went. Nothing of a secret is read."""
        access = self.access(request, slug, "secrets.edit")
        with tenant_scope(access.tenant_id):
            planned = chain.plan(chain.read(), kind="variable", name=PROBE)
            record_change(action="secret-chain.checked", target=f"secret-chain:{access.tenant_id}")
        return Response({"stores": [_checked(planned, name) for name, _ in planned.steps]})


def _checked(planned: chain.Plan, name: str) -> dict[str, Any]:
    try:
        planned.only(name).resolve(ledger=lambda: None)
    except SourceFailed as error:
        return {"name": name, "ok": False, "code": error.code, "message": str(error)}
    return {"name": name, "ok": True, "code": None, "message": None}


def _told(held: chain.Chain) -> Response:
    with_credentials = chain.has_credentials(held)
    stores = [{**each, "has_credentials": each["name"] in with_credentials} for each in held.stores]
    body = {
        "stores": stores,
        "declared_only": held.declared_only,
        "version": held.version,
        "updated_at": held.updated_at,
    }
    return Response(body)
