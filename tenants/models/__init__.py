"""One file per table. Django finds models through this package, so it names each module."""

from tenants.models import membership, tenant, token, user  # noqa: F401  Django's registry needs them loaded
from tenants.models.user import User  # noqa: F401  AUTH_USER_MODEL is looked up as tenants.User
