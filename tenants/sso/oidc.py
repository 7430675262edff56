"""Signing in through OpenID Connect: the authorization code flow with PKCE, state and nonce.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636; RFC 9700. What was begun is kept in the cache
for ten minutes under its `state`, is taken out by the first answer, and is bound to the browser that began it by
a second secret, so that nobody can finish a sign-in on somebody else's browser.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import jwt
from django.conf import settings
from django.core.cache import cache

from tenants.models.identity_provider import IdentityProvider
from tenants.models.user import User
from tenants.sso.arrive import MOST_GROUPS, Arrival, arrive
from tenants.sso.fetch import ProviderUnreachable, fetch_json
from tenants.sso.providers import active_provider, client_secret_of

BEGUN_SECONDS = 600
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Public-key ones alone: a provider's public key is never taken for a shared secret."""
LEEWAY_SECONDS = 60


class SignOnRefused(Exception):
    """The answer of the provider, or of whoever pretends to be it, is not accepted."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`address`: where the browser goes. `binding`: what it keeps and sends back with the answer."""

    address: str
    state: str
    binding: str


def callback_address() -> str:
    """What is registered with the provider."""
    return f"{settings.BASE_URL.rstrip('/')}/sso/callback"


def begin(*, provider_id: UUID) -> Begun:
    """Raises ProviderUnknown, ProviderUnreachable."""
    provider = active_provider(provider_id)
    endpoints = _discover(provider)
    state, binding, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
    begun = {
        "provider": str(provider.id),
        "binding": hashlib.sha256(binding.encode()).hexdigest(),
        "nonce": nonce,
        "verifier": verifier,
    }
    cache.set(_place(state), json.dumps(begun), timeout=BEGUN_SECONDS)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": provider.config.get("client_id", ""),
        "redirect_uri": callback_address(),
        "scope": "openid profile email",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    address = str(endpoints["authorization_endpoint"])
    return Begun(f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", state, binding)


def finish(*, state: str, code: str, binding: str, now: datetime) -> tuple[User, IdentityProvider]:
    """The person who comes back. Raises SignOnRefused, ProviderUnknown, ProviderUnreachable, ArrivalRefused."""
    kept = cache.get(_place(state))
    if kept is None or not cache.delete(_place(state)):
        raise SignOnRefused("this sign-in is over or was answered: begin again")
    begun = json.loads(kept)
    if not hmac.compare_digest(hashlib.sha256(binding.encode()).hexdigest(), begun["binding"]):
        raise SignOnRefused("this sign-in was begun in another browser: begin again")
    provider = active_provider(UUID(begun["provider"]))
    endpoints = _discover(provider)
    tokens = _redeem(provider, endpoints, code, begun["verifier"])
    claims = _claims(provider, endpoints, str(tokens.get("id_token", "")), begun["nonce"], now)
    if (
        provider.groups_claim not in claims
        and "userinfo_endpoint" in endpoints
        and tokens.get("access_token")
    ):
        more = fetch_json(
            str(endpoints["userinfo_endpoint"]), headers={"Authorization": f"Bearer {tokens['access_token']}"}
        )
        if more.get("sub") != claims["sub"]:
            raise SignOnRefused("the provider speaks of two people at once")
        claims = {**more, **claims}
    return arrive(provider=provider, arrival=_arrival(provider, claims), now=now), provider


def _discover(provider: IdentityProvider) -> dict[str, Any]:
    found = fetch_json(f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration")
    if str(found.get("issuer", "")).rstrip("/") != provider.issuer.rstrip("/"):
        raise ProviderUnreachable("the identity provider calls itself by another name than its issuer")
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        if not isinstance(found.get(name), str):
            raise ProviderUnreachable(f"the identity provider does not tell its {name}")
    return found


def _redeem(
    provider: IdentityProvider, endpoints: dict[str, Any], code: str, verifier: str
) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": callback_address(),
        "code_verifier": verifier,
    }
    name, secret = provider.config.get("client_id", ""), client_secret_of(provider)
    headers = {}
    if secret:
        pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form["client_id"] = name
    try:
        return fetch_json(str(endpoints["token_endpoint"]), form=form, headers=headers)
    except ProviderUnreachable as error:
        raise SignOnRefused("the identity provider did not take this answer: begin again") from error


def _claims(
    provider: IdentityProvider, endpoints: dict[str, Any], text: str, nonce: str, now: datetime
) -> dict[str, Any]:
    try:
        keys = jwt.PyJWKSet.from_dict(fetch_json(str(endpoints["jwks_uri"])))
        wanted = jwt.get_unverified_header(text).get("kid")
        usable = [key for key in keys.keys if wanted is None or key.key_id == wanted]
        if len(usable) != 1:
            raise SignOnRefused("the provider signs with a key that it does not publish")
        claims: dict[str, Any] = jwt.decode(
            text,
            usable[0].key,
            algorithms=ALGORITHMS,
            audience=provider.config.get("client_id", ""),
            options={
                "require": ["iss", "sub", "aud", "exp", "iat"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
        raise SignOnRefused("the provider's token is not one for us") from error
    if str(claims["iss"]).rstrip("/") != provider.issuer.rstrip("/"):
        raise SignOnRefused("the token is of another issuer")
    if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise SignOnRefused("the token is not of this sign-in")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", provider.config.get("client_id")) != provider.config.get("client_id") or (
        several and "azp" not in claims
    ):
        raise SignOnRefused("the token is for another client")
    if not isinstance(claims["exp"], int | float) or claims["exp"] < now.timestamp() - LEEWAY_SECONDS:
        raise SignOnRefused("the token is over: begin again")
    return claims


def _arrival(provider: IdentityProvider, claims: dict[str, Any]) -> Arrival:
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= 255 or "\x00" in subject:
        raise SignOnRefused("the provider gives the person no usable id")
    groups = claims.get(provider.groups_claim, [])
    groups = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    return Arrival(
        subject=subject,
        groups=tuple(group for group in groups if isinstance(group, str))[:MOST_GROUPS],
        email=_text(claims, "email"),
        username=_text(claims, "preferred_username"),
        full_name=_text(claims, "name"),
    )


def _text(claims: dict[str, Any], name: str) -> str:
    found = claims.get(name)
    return found.replace("\x00", "") if isinstance(found, str) else ""


def _place(state: str) -> str:
    return f"sso:{hashlib.sha256(state.encode()).hexdigest()}"
