"""What each role in an organisation may do. One published table; docs and the portal are made from it.

A role in an organisation opens no tenant: what a tenant holds is seen by its own members. An Owner who must
get into a tenant joins it (`tenants.join`), and stands in its list of members from then on.
"""

from __future__ import annotations

from typing import Final

_MEMBER: Final = {"organisation.read": "See the organisation's name and one's own tenants in it"}
_BILLING: Final = {"billing.read": "See plan, usage and cost of all tenants of the organisation"}
_ADMIN: Final = {
    "organisation.edit": "Rename the organisation",
    "tenants.list": "See which tenants the organisation has",
    "tenants.create": "Make tenants",
    "people.edit": "See the organisation's people, change their roles below Owner, remove them",
    "organisation.audit": "Read the audit of the organisation itself",
}
_OWNER: Final = {
    "sign_in.edit": "Set up single sign-on and provisioning",
    "tenants.join": "Become a member of any tenant of the organisation",
    "billing.edit": "Choose the plan",
    "owners.edit": "Name and remove owners of the organisation",
    "organisation.delete": "Delete the organisation when it has no tenants",
}

ORGANISATION_ALL: Final[dict[str, str]] = _MEMBER | _BILLING | _ADMIN | _OWNER
"""Permission -> what it allows, for people."""

ORGANISATION_PERMISSIONS: Final[dict[str, frozenset[str]]] = {
    "Member": frozenset(_MEMBER),
    "Billing": frozenset(_MEMBER | _BILLING),
    "Admin": frozenset(_MEMBER | _BILLING | _ADMIN),
    "Owner": frozenset(ORGANISATION_ALL),
}
"""Role -> its permissions. The keys are `tenants.models.organisation_member.ORGANISATION_ROLES`."""
