"""`/health`: without a token."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpResponse

from api.execution.answers import Refusal, answer


def health() -> HttpResponse:
    """The process answers."""
    return answer({"status": "healthy"})


def ping() -> HttpResponse:
    """What it stands on answers as well; 500 if not, in Airflow's form."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return answer({"ok": [], "failing": {"database": type(error).__name__}}, status=500)
    return answer({"ok": ["database"], "failing": {}})


def nothing_here() -> HttpResponse:
    """Any other path."""
    raise Refusal(404, "Not Found")
