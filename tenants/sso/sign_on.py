"""A sign-in through an identity provider, from its beginning to the person, whichever protocol is spoken.

What was begun is kept in the cache for ten minutes under its `state`, is taken out by the first answer, and is
bound to the browser that began it by a second secret, so that nobody can finish a sign-in on somebody else's browser.
SAML's answer comes as a form that the browser posts: it is kept under a code of one use, and judged when that browser
finishes with the code, so that both protocols end alike.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.cache import cache

from tenants.models.identity_provider import IdentityProvider
from tenants.models.user import User
from tenants.sso import oidc
from tenants.sso.addresses import callback_address
from tenants.sso.arrive import Arrival, arrive
from tenants.sso.providers import active_provider
from tenants.sso.refusals import SignOnRefused
from tenants.throttle import count_attempt

BEGUN_SECONDS = 600
MOST_ANSWER_CHARACTERS = 256 * 1024
MOST_ANSWERS = 5
"""To one sign-in: each is kept until it is judged or over."""


@dataclass(frozen=True, slots=True)
class Begun:
    """`address`: where the browser goes. `binding`: what it keeps and sends back with the answer."""

    address: str
    state: str
    binding: str


def begin(*, provider_id: UUID) -> Begun:
    """Raises ProviderUnknown, ProviderUnreachable."""
    provider = active_provider(provider_id)
    state, binding = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    if provider.kind == "saml":
        address, kept = _saml().begin_address(provider, state)
    else:
        address, kept = oidc.begin_address(provider, state)
    begun = {
        **kept,
        "provider": str(provider.id),
        "binding": hashlib.sha256(binding.encode()).hexdigest(),
    }
    cache.set(_place("begun", state), json.dumps(begun), timeout=BEGUN_SECONDS)
    return Begun(address, state, binding)


def keep_answer(*, provider_id: UUID, state: str, response: str) -> str:
    """Where the browser goes that brings a SAML response: to the page that finishes, with a code of one use in place
    of the response. Raises SignOnRefused for what answers no sign-in of this provider that was begun here, and
    Throttled."""
    kept = cache.get(_place("begun", state))
    if kept is None or json.loads(kept)["provider"] != str(provider_id):
        raise SignOnRefused(
            "no sign-in that was begun here waits for this answer: begin at the page for signing in"
        )
    if len(response) > MOST_ANSWER_CHARACTERS:
        raise SignOnRefused("the provider's response is too long")
    count_attempt(purpose="sign-in", kind="saml", parts=(state,), most=MOST_ANSWERS)
    code = secrets.token_urlsafe(32)
    cache.set(_place("answer", code), response, timeout=BEGUN_SECONDS)
    return f"{callback_address()}?state={state}&code={code}"


def finish(*, state: str, code: str, binding: str, now: datetime) -> tuple[User, IdentityProvider]:
    """The person who comes back. Raises SignOnRefused, ProviderUnknown, ProviderUnreachable, ArrivalRefused."""
    kept = _take("begun", state)
    if kept is None:
        raise SignOnRefused("this sign-in is over or was answered: begin again")
    begun = json.loads(kept)
    if not hmac.compare_digest(hashlib.sha256(binding.encode()).hexdigest(), begun["binding"]):
        raise SignOnRefused("this sign-in was begun in another browser: begin again")
    provider = active_provider(UUID(begun["provider"]))
    return arrive(provider=provider, arrival=_arrival(provider, begun, code, now), now=now), provider


def _arrival(provider: IdentityProvider, begun: dict[str, Any], code: str, now: datetime) -> Arrival:
    if provider.kind != "saml":
        return oidc.read_answer(provider, begun, code, now)
    response = _take("answer", code)
    if response is None:
        raise SignOnRefused("the provider's response is over or was taken: begin again")
    found: Arrival = _saml().read_answer(provider, begun, response, now)
    return found


def _saml() -> Any:
    """Loaded when somebody signs in that way: most processes never read XML."""
    from tenants.sso import saml

    return saml


def _take(kind: str, name: str) -> str | None:
    """What is kept there, for the first who asks."""
    kept: str | None = cache.get(_place(kind, name))
    return kept if kept is not None and cache.delete(_place(kind, name)) else None


def _place(kind: str, name: str) -> str:
    """Whatever a caller sends is no part of a cache's key as it is."""
    return f"sso:{kind}:{hashlib.sha256(name.encode(errors='replace')).hexdigest()}"
