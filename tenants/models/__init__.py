"""One file per table. Django finds models through this package, so it names each module."""

from tenants.models import (  # noqa: F401  Django's registry needs them loaded
    invitation,
    mail,
    membership,
    organisation,
    organisation_member,
    plan,
    sign_in_session,
    tenant,
    tenant_quota,
    token,
    user,
)
from tenants.models.user import User  # noqa: F401  AUTH_USER_MODEL is looked up as tenants.User
