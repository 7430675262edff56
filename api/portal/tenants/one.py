"""PATCH /tenants/{slug}; POST and DELETE /tenants/{slug}/deletion."""

from __future__ import annotations

from functools import partial

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.portal.addresses import tenant_shape
from api.portal.exports.shapes import ExportBody
from api.portal.people.account import AccountView
from api.portal.people.shapes import TenantShape
from api.portal.tenants.views import Status
from api.portal.view import read
from api.problems import PermissionMissing
from controlplane.foundation.clock import utc_now
from controlplane.ledger.freeze import freeze_tenant, thaw_tenant
from controlplane.maintenance.archive.ask import ask_export
from tenants.deletion import begin_deletion, undo_deletion
from tenants.models.tenant import ENVIRONMENTS, Tenant
from tenants.tenant_names import describe_tenant


class TenantBody(serializers.Serializer[None]):
    name = serializers.CharField(max_length=200, required=False)
    environment = serializers.ChoiceField(ENVIRONMENTS, required=False)


class DeletionBody(ExportBody):
    confirm = serializers.CharField(max_length=63, help_text="The tenant's name in addresses")
    export_first = serializers.BooleanField(
        default=False,
        help_text="Make an archive of it, to be fetched while it can still be undone: see exports",
    )


class DeletionShape(TenantShape):
    deletion_asked_by = serializers.CharField()


class OneTenant(Status):
    @extend_schema(request=TenantBody, responses={200: TenantShape})
    def patch(self, request: Request, slug: str) -> Response:
        """Another display name, or another kind of environment. The name in addresses never changes."""
        access = self.access(request, slug, "tenant.edit")
        describe_tenant(by=access, changes=read(TenantBody, request))
        return Response(tenant_shape(Tenant.objects.using("auth").get(id=access.tenant_id), access.role))


class Deletion(AccountView):
    @extend_schema(request=DeletionBody, responses={202: DeletionShape})
    def post(self, request: Request, slug: str) -> Response:
        """Shut the tenant now, and delete it when the time for undoing is over."""
        access = self.access(request, slug, "tenant.delete")
        body, now = read(DeletionBody, request), utc_now()
        if body["export_first"] and not access.may("tenant.export"):
            raise PermissionMissing(f"the role {access.role} does not hold tenant.export")
        export = partial(ask_export, by=access.name, passphrase=body["passphrase"], now=now)
        tenant = begin_deletion(
            by=access,
            confirm=body["confirm"],
            now=now,
            freeze=freeze_tenant,
            export=export if body["export_first"] else None,
        )
        shown = {**tenant_shape(tenant, access.role), "deletion_asked_by": tenant.deletion_asked_by}
        return Response(shown, status=202)

    @extend_schema(responses={200: TenantShape})
    def delete(self, request: Request, slug: str) -> Response:
        """Undo it: everything is as it was, and what came due meanwhile is worked off."""
        user, _ = self.account(request)
        tenant = undo_deletion(user_id=user.id, slug=slug, now=utc_now(), thaw=thaw_tenant)
        return Response(tenant_shape(tenant, "Owner"))
