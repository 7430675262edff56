"""Signing in through OpenID Connect: the authorization code flow with PKCE, state and nonce.

Source: OpenID Connect Core 1.0, sections 3.1.2 and 3.1.3; RFC 7636; RFC 9700. `sign_on` keeps what was begun.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import jwt

from tenants.models.identity_provider import IdentityProvider
from tenants.sso.addresses import callback_address
from tenants.sso.arrive import MOST_GROUPS, Arrival
from tenants.sso.fetch import ProviderUnreachable, fetch_json
from tenants.sso.providers import client_secret_of
from tenants.sso.published import endpoints_of, signing_key
from tenants.sso.refusals import SignOnRefused

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Public-key ones alone: a provider's public key is never taken for a shared secret."""
LEEWAY_SECONDS = 60


def begin_address(provider: IdentityProvider, state: str) -> tuple[str, dict[str, str]]:
    """(where the browser goes, what is kept until it comes back). Raises ProviderUnreachable."""
    endpoints = endpoints_of(provider)
    nonce, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
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
    kept = {"nonce": nonce, "verifier": verifier}
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}", kept


def read_answer(provider: IdentityProvider, begun: dict[str, Any], code: str, now: datetime) -> Arrival:
    """Whom the provider speaks of. Raises SignOnRefused, ProviderUnreachable."""
    endpoints = endpoints_of(provider)
    tokens = _redeem(provider, endpoints, code, begun["verifier"])
    claims = _claims(provider, str(tokens.get("id_token", "")), begun["nonce"], now)
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
    return _arrival(provider, claims)


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


def _claims(provider: IdentityProvider, text: str, nonce: str, now: datetime) -> dict[str, Any]:
    try:
        wanted = jwt.get_unverified_header(text).get("kid")
        key = signing_key(provider, wanted)
        if key is None:
            raise SignOnRefused("the provider signs with a key that it does not publish")
        claims: dict[str, Any] = jwt.decode(
            text,
            key.key,
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
