"""The addresses of ours that are registered with identity providers."""

from __future__ import annotations

from django.conf import settings

from tenants.models.identity_provider import IdentityProvider


def callback_address() -> str:
    """The page that finishes a sign-in."""
    return f"{settings.BASE_URL.rstrip('/')}/sso/callback"


def service_address(provider: IdentityProvider) -> str:
    """What this platform is called at a SAML provider: a name of its own for each, so that what is meant for one of
    an organisation's entries is good for none beside it. Our description is there, and answers go there."""
    return f"{settings.BASE_URL.rstrip('/')}/api/portal/v1/sso/{provider.id}/saml"


def registered_address(provider: IdentityProvider) -> str:
    """Whatever its kind of provider is told."""
    return service_address(provider) if provider.kind == "saml" else callback_address()
