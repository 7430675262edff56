"""What an identity provider is made of, by kind: checked, filled into its row, and told of to the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tenants.audit.redaction import MASK, NEW
from tenants.factors.seal import seal
from tenants.models.identity_provider import IdentityProvider
from tenants.models.membership import ROLES
from tenants.models.tenant import Tenant

MAPPED_ROLES = tuple(role for role in ROLES if role != "Owner")
OF_KIND = {"oidc": ("issuer", "client_id", "client_secret"), "saml": ("metadata",)}
"""What only one kind has."""


class ProviderInvalid(ValueError):
    """A field is not what it must be. `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def fill(row: IdentityProvider, fields: Mapping[str, Any]) -> None:
    """Put what is given into the row. Raises ProviderInvalid."""
    for kind, names in OF_KIND.items():
        foreign = [name for name in names if name in fields and kind != row.kind]
        if foreign:
            raise ProviderInvalid(foreign[0], f"a provider of the kind {row.kind} has none")
    for name in ("name", "groups_claim", "is_active"):
        if name in fields:
            setattr(row, name, fields[name])
    if "issuer" in fields:
        issuer = str(fields["issuer"])
        if not issuer.startswith(("https://", "http://")) or "?" in issuer or "#" in issuer:
            raise ProviderInvalid("issuer", "write its https:// address, as in its own documents")
        row.issuer = issuer
    if "client_id" in fields:
        row.config = {**row.config, "client_id": fields["client_id"]}
    if fields.get("client_secret"):
        row.sealed = seal(str(fields["client_secret"]), row=f"identity_provider:{row.id}")
    if "metadata" in fields:
        _take_metadata(row, str(fields["metadata"]))
    if "role_map" in fields:
        row.role_map = _checked_map(row.organisation_id, fields["role_map"])


def told_of(row: IdentityProvider) -> dict[str, Any]:
    """For the audit: what decides who gets in, nothing secret."""
    names = ("kind", "name", "issuer", "groups_claim", "role_map", "is_active")
    told = {name: getattr(row, name) for name in names} | {"provisions": bool(row.scim_digest)}
    if row.kind == "saml":
        return told | {"sign_on_address": row.config.get("sign_on_address"), "signs_with": signs_with(row)}
    return told | {"client": row.config.get("client_id"), "client_secret": MASK if row.sealed else None}


def told_change(before: IdentityProvider, after: IdentityProvider) -> tuple[dict[str, Any], dict[str, Any]]:
    """What differs, before and after; a new secret is told of without itself."""
    old, new = told_of(before), told_of(after)
    if before.sealed is not None and bytes(before.sealed) != bytes(after.sealed or b""):
        new["client_secret"] = NEW
    names = [name for name in new if old.get(name) != new[name]]
    return {name: old.get(name) for name in names}, {name: new[name] for name in names}


def signs_with(row: IdentityProvider) -> list[str]:
    """The SHA-256 fingerprints of a SAML provider's certificates."""
    return [str(one["sha256"]) for one in certificates_of(row)]


def certificates_of(row: IdentityProvider) -> list[dict[str, Any]]:
    """As people compare them: `sha256` and `not_after` of each."""
    if row.kind != "saml":
        return []
    from tenants.sso.saml_metadata import told_of_certificates  # reads XML: loaded where there is some

    return told_of_certificates(list(row.config.get("certificates", ())))


def _take_metadata(row: IdentityProvider, text: str) -> None:
    from tenants.sso.saml_metadata import MetadataInvalid, read_metadata  # the same

    try:
        found = read_metadata(text)
    except MetadataInvalid as error:
        raise ProviderInvalid("metadata", str(error)) from error
    row.issuer = found.entity_id
    row.config = {"sign_on_address": found.sign_on_address, "certificates": list(found.certificates)}


def _checked_map(organisation_id: UUID, given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    slugs = {entry["tenant"] for entry in given}
    own = Tenant.objects.using("auth").filter(organisation_id=organisation_id, slug__in=slugs)
    unknown = sorted(slugs - set(own.values_list("slug", flat=True)))
    if unknown:
        raise ProviderInvalid("role_map", f"the organisation has no tenant '{unknown[0]}'")
    for entry in given:
        if entry["role"] not in MAPPED_ROLES:
            raise ProviderInvalid("role_map", f"a group gives one of {', '.join(MAPPED_ROLES)}")
    return [{name: entry[name] for name in ("group", "tenant", "role")} for entry in given]
