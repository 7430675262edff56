"""One file per table. Django finds models through this package, so it names each module."""

from tenants.models import (  # noqa: F401  Django's registry needs them loaded
    audit_checkpoint,
    audit_mark,
    audit_row,
    audit_stream,
    grant,
    identity_provider,
    invitation,
    kept_answer,
    mail,
    membership,
    operator_entry,
    organisation,
    organisation_member,
    person_identity,
    plan,
    provisioned_group,
    role,
    service_account,
    sign_in_factor,
    sign_in_session,
    tenant,
    tenant_quota,
    token,
    user,
)
from tenants.models.user import User  # noqa: F401  AUTH_USER_MODEL is looked up as tenants.User
