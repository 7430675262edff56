"""Requests per minute of a tenant: counted where its people and tokens come in, told in every answer near the limit.

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


class TooManyRequests(Exception):
    """The tenant made all the requests of this minute."""

    def __init__(self, *, limit: int, retry_after_seconds: int) -> None:
        super().__init__(
            f"the tenant may make {limit} requests a minute; try again in {retry_after_seconds} s"
        )
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
    left = WINDOW_SECONDS - int(now) % WINDOW_SECONDS
    request.rate_headers = {  # type: ignore[attr-defined]
        "RateLimit-Policy": f'"tenant";q={limit};w={WINDOW_SECONDS}',
        "RateLimit": f'"tenant";r={max(limit - count, 0)};t={left}',
    }
    if count > limit:
        raise TooManyRequests(limit=limit, retry_after_seconds=left)


class RateMiddleware:
    """Puts what `count_request` found on the answer, whatever it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in getattr(request, "rate_headers", {}).items():
            response[name] = value
        return response
