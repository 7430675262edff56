"""How the Airflow API says no: `{"detail": …}`, with FastAPI's list for malformed input."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.db import DataError, IntegrityError
from django.http import HttpResponse
from pydantic import ValidationError

from api.json_answers import json_answer

log = logging.getLogger("aerodrome.api")
_UNIQUE_VIOLATION = "23505"


class Refusal(Exception):
    """Ends a request with `status` and `detail` (a text, or what Airflow puts there)."""

    def __init__(self, status: int, detail: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers

    def answer(self) -> HttpResponse:
        """As it goes out."""
        return json_answer({"detail": self.detail}, status=self.status, headers=self.headers)


def not_found(detail: str = "Not Found") -> Refusal:
    """404; the default is what an unknown path answers, and so what a stranger hears."""
    return Refusal(404, detail)


def invalid(error: ValidationError, where: Iterable[str | int]) -> Refusal:
    """422 with one entry per mistake; `where` leads to the part that was read (`("query", "limit")`)."""
    found = error.errors(include_url=False, include_context=False)
    return Refusal(422, [{**entry, "loc": [*where, *entry["loc"]]} for entry in found])


def wrong(where: Iterable[str | int], message: str, given: Any, kind: str = "value_error") -> Refusal:
    """422 for a mistake that only we can see."""
    return Refusal(422, [{"type": kind, "loc": list(where), "msg": message, "input": given}])


def taken(message: str) -> Refusal:
    """409 as Airflow words what its database refuses to store twice."""
    reason = "Unique constraint violation"
    return Refusal(409, {"reason": reason, "statement": "hidden", "orig_error": "hidden", "message": message})


def already_there(error: IntegrityError) -> Refusal:
    """Of two who made the same thing at once, what the second hears. Any other mistake is raised again."""
    if getattr(error.__cause__, "pgcode", None) != _UNIQUE_VIOLATION:
        raise error
    return taken("Somebody else made the same thing at the same time")


def unstorable(error: DataError) -> Refusal:
    """A value that passed every check and that the database cannot hold: the caller's mistake, and a check of ours
    that is missing."""
    log.warning("a value that the database cannot hold was let through: %s", error)
    return Refusal(400, "A value is out of the range that can be stored")
