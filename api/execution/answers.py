"""Answers in Airflow's words: JSON bodies, and refusals as `{"detail": …}`.

Airflow's client reads a refusal's detail only when the content type is exactly `application/json`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.http import HttpResponse

_encoder = msgspec.json.Encoder()


class Refusal(Exception):
    """An endpoint says no: HTTP status and Airflow's `detail`."""

    def __init__(self, status: int, detail: Any) -> None:
        super().__init__(status, detail)
        self.status, self.detail = status, detail


def answer(body: Any, *, status: int = 200) -> HttpResponse:
    """`body` as JSON. Instants in UTC end in `Z`."""
    return HttpResponse(_encoder.encode(body), status=status, content_type="application/json")


def json_answer(body: bytes, *, status: int = 200) -> HttpResponse:
    """JSON that is encoded already."""
    return HttpResponse(body, status=status, content_type="application/json")


def done(*, status: int = 204) -> HttpResponse:
    """No body."""
    response = HttpResponse(status=status)
    del response["Content-Type"]
    return response


def reasoned(status: int, reason: str, message: str, **more: Any) -> Refusal:
    """Airflow's usual detail: a reason for programs, a message for people."""
    return Refusal(status, {"reason": reason, "message": message, **more})


def not_found(message: str) -> Refusal:
    return reasoned(404, "not_found", message)


def malformed(*, place: tuple[str, ...], message: str, kind: str = "value_error") -> Refusal:
    """422, in the form of FastAPI's validation errors."""
    return Refusal(422, [{"type": kind, "loc": list(place), "msg": message}])
