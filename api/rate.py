"""Requests per minute of a tenant: counted where its people and tokens come in, told in every answer near the limit;
and of a person, where they come in to what is no tenant's: their account, their organisations, the platform.

The headers are those of draft-ietf-httpapi-ratelimit-headers (`RateLimit-Policy`, `RateLimit`) and `Retry-After`
of RFC 9110. Tasks and agents come in by other doors and are not counted.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponseBase

from controlplane.foundation.clock import utc_now
from controlplane.foundation.rate_counter import WINDOW_SECONDS, count_in_minute
from tenants.limits.api_requests import FLOOR, requests_per_minute

OF_A_PERSON = 600
"""Requests a minute of one person outside tenants: far more than a portal's pages ask."""


class TooManyRequests(Exception):
    """All the requests of this minute are made. `whose`: the tenant's, or the person's."""

    def __init__(self, *, limit: int, retry_after_seconds: int, whose: str = "the tenant") -> None:
        super().__init__(f"{whose} may make {limit} requests a minute; try again in {retry_after_seconds} s")
        self.retry_after_seconds = retry_after_seconds


def count_request(request: HttpRequest, *, tenant_id: UUID) -> None:
    """One more request of this tenant. Raises TooManyRequests."""
    now = utc_now().timestamp()
    count = count_in_minute(key=f"api:{tenant_id}", now=now)
    if count is None or count < FLOOR:
        return
    limit = requests_per_minute(tenant_id)
    if limit is None:
        return
    left = _tell(request, "tenant", limit=limit, count=count, now=now)
    if count > limit:
        raise TooManyRequests(limit=limit, retry_after_seconds=left)


def count_person(request: HttpRequest, *, user_id: UUID) -> None:
    """One more request of this person outside tenants. Raises TooManyRequests."""
    now = utc_now().timestamp()
    count = count_in_minute(key=f"person:{user_id}", now=now)
    if count is None:
        return
    left = _tell(request, "person", limit=OF_A_PERSON, count=count, now=now)
    if count > OF_A_PERSON:
        raise TooManyRequests(limit=OF_A_PERSON, retry_after_seconds=left, whose="a person")


def _tell(request: HttpRequest, policy: str, *, limit: int, count: int, now: float) -> int:
    """Notes the headers, and returns the seconds that are left of the minute."""
    left = WINDOW_SECONDS - int(now) % WINDOW_SECONDS
    request.rate_headers = {  # type: ignore[attr-defined]
        "RateLimit-Policy": f'"{policy}";q={limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"{policy}";r={max(limit - count, 0)};t={left}',
    }
    return left


class RateMiddleware:
    """Puts what `count_request` found on the answer, whatever it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in getattr(request, "rate_headers", {}).items():
            response[name] = value
        return response
