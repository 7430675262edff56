"""How the Airflow API says no: `{"detail": …}`, with FastAPI's list for malformed input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpResponse
from pydantic import ValidationError

from api.json_answers import json_answer


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
