"""A secret store that fails is a denial to the task, so that its SDK asks nothing weaker, and a line of its log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aerodrome_runtime.agent.masking import Mask
from aerodrome_runtime.agent.sdk.client import ApiRefused
from aerodrome_runtime.agent.sdk.table import Asking, answer

TI = "01a1ff8d-49b8-755f-bbd8-3ba891dfe6ab"
MESSAGES: list[dict[str, Any]] = [
    {"type": "GetConnection", "conn_id": "db"},
    {"type": "GetVariable", "key": "k"},
]


class Refusing:
    """The Execution API, which says the same to every question."""

    def __init__(self, status: int, detail: Any) -> None:
        self.refusal = ApiRefused(status=status, message="Server returned error", detail=detail)

    async def get(self, path: str) -> Any:
        raise self.refusal


def asked(message: dict[str, Any], status: int, detail: Any) -> tuple[Any, Any, list[str]]:
    told: list[str] = []
    client: Any = Refusing(status, detail)
    body, error = asyncio.run(answer(Asking(ti_id=TI, client=client, mask=Mask(), tell=told.append), message))
    return body, error, told


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["type"])
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (503, "secret-store-sealed"),
        (503, "secret-store-slow"),
        (503, "secret-malformed"),
        (403, "not_declared"),
    ],
)
def test_denied_and_said(message: dict[str, Any], status: int, reason: str) -> None:
    body, error, told = asked(message, status, {"reason": reason, "message": "the store 'main' says no"})
    assert error is None
    assert body["error"] == "PERMISSION_DENIED"
    assert told == ["the store 'main' says no"]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["type"])
def test_other_refusals_are_as_they_were(message: dict[str, Any]) -> None:
    body, error, told = asked(message, 503, {"reason": "unavailable", "message": "the database"})
    assert (body, error["error"], told) == (None, "API_SERVER_ERROR", [])
    body, error, told = asked(message, 403, "no")
    assert (body["error"], error, told) == ("PERMISSION_DENIED", None, [])
    body, error, told = asked(message, 404, {"reason": "not_found", "message": "no"})
    assert body["error"].endswith("_NOT_FOUND")
    assert told == []
