"""The frame of the operations on one organisation: who asks, may they."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request

from api.portal.view import PortalView
from api.problems import PermissionMissing, PortalNotFound
from tenants.access import SecondFactorMissing
from tenants.organisations import OrganisationAccess, find_organisation_access


class OrganisationView(PortalView):
    """Strangers hear what those hear who ask for an organisation that does not exist."""

    def organisation(self, request: Request, organisation_id: UUID, permission: str) -> OrganisationAccess:
        """The caller's place in it. A token that is good for one tenant only opens no organisation."""
        caller = self.person(request)
        access = None
        within = caller.organisation_id in (None, organisation_id)
        if caller.user_id is not None and caller.tenant_id is None and within:
            access = find_organisation_access(user_id=caller.user_id, organisation_id=organisation_id)
        if access is None:
            raise PortalNotFound(f"there is no organisation {organisation_id} that you belong to")
        if access.lacks_factor and caller.organisation_id is None:
            raise SecondFactorMissing
        if not access.may(permission):
            raise PermissionMissing(f"the role {access.role} does not hold {permission}")
        return access
