"""What an OpenID Connect provider publishes of itself, asked once an hour: its endpoints and its keys.

Kept in the cache, for the provider's row as it is: another issuer is another place. A token that is signed with a key
which is not among those kept asks again, at once but not more often than once a minute, for providers change their keys.
Source: OpenID Connect Discovery 1.0, section 4; OpenID Connect Core 1.0, section 10.1.1.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
from django.core.cache import cache

from tenants.models.identity_provider import IdentityProvider
from tenants.sso.fetch import ProviderUnreachable, fetch_json

KEPT_SECONDS = 3600
ASKED_AGAIN_SECONDS = 60
"""How soon the keys are asked for again because of a key that is not known."""
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


def endpoints_of(provider: IdentityProvider) -> dict[str, Any]:
    """Raises ProviderUnreachable. What is no usable answer is not kept."""
    place = _place(provider, "endpoints")
    kept = cache.get(place)
    if kept is not None:
        found: dict[str, Any] = json.loads(kept)
        return found
    found = fetch_json(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != provider.issuer.rstrip("/"):
        raise ProviderUnreachable("the identity provider calls itself by another name than its issuer")
    for name in NEEDED:
        if not isinstance(found.get(name), str):
            raise ProviderUnreachable(f"the identity provider does not tell its {name}")
    names = (*NEEDED, "userinfo_endpoint")
    found = {name: found[name] for name in names if isinstance(found.get(name), str)}
    cache.set(place, json.dumps(found), timeout=KEPT_SECONDS)
    return found


def signing_key(provider: IdentityProvider, name: str | None) -> jwt.PyJWK | None:
    """The published key of that id; without an id the only one there is. Raises ProviderUnreachable, and PyJWT's
    errors for what are no keys."""
    place = _place(provider, "keys")
    kept = cache.get(place)
    if kept is not None:
        key = _only(json.loads(kept), name)
        if key is not None or not cache.add(f"{place}:asked", 1, timeout=ASKED_AGAIN_SECONDS):
            return key
    published = fetch_json(str(endpoints_of(provider)["jwks_uri"]))
    key = _only(published, name)
    cache.set(place, json.dumps(published), timeout=KEPT_SECONDS)
    return key


def _only(published: dict[str, Any], name: str | None) -> jwt.PyJWK | None:
    keys = jwt.PyJWKSet.from_dict(published).keys
    usable = [key for key in keys if key.public_key_use in (None, "sig")]
    usable = [key for key in usable if name is None or key.key_id == name]
    return usable[0] if len(usable) == 1 else None


def _place(provider: IdentityProvider, kind: str) -> str:
    return f"sso:{kind}:{provider.id}:{hashlib.sha256(provider.issuer.encode()).hexdigest()}"
