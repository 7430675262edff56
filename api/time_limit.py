"""People's requests end in time: no statement of theirs takes longer than `AERODROME_STATEMENT_SECONDS`.

One that changes something may take ten times as long, since it cannot be asked for in pages. Tasks and agents come in by
other doors, ask for what is theirs, and wait for seconds only.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from tenants.time_limit import time_limited

CHANGES_TIMES = 10
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def seconds_of(request: HttpRequest) -> float:
    """What one statement may take. Airflow's batch reads are POSTs to `…/list`."""
    is_read = request.method in _READS or request.path.endswith("/list")
    return float(settings.STATEMENT_SECONDS * (1 if is_read else CHANGES_TIMES))


class TimeLimitMiddleware:
    """The innermost one: what a view raises is explained within the limit, which its words name."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/execution/"):
            return self.get_response(request)
        with time_limited(seconds_of(request)):
            return self.get_response(request)
