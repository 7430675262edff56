"""The frame of the operators' operations: nobody else learns that they are there."""

from __future__ import annotations

from rest_framework.request import Request

from api.authentication import Caller
from api.portal.view import PortalView
from api.problems import PortalNotFound
from tenants.models.user import User


class OperatorView(PortalView):
    """Others hear what they hear of any path that is not there."""

    def operator(self, request: Request) -> Caller:
        """Raises what `person` raises, and PortalNotFound for those who are no operators, and for tokens of a
        tenant's Airflow API: they are good in that tenant only."""
        caller = self.person(request)
        mine = User.objects.using("auth").filter(id=caller.user_id, is_active=True, is_operator=True)
        if caller.tenant_id is not None or not mine.exists():
            raise PortalNotFound("there is nothing here")
        return caller
