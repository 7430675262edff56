"""HTTP to the Task Execution API, as `airflow.sdk.api.client.Client` speaks it, with one attempt's token.

Retries transport errors and 5xx like the SDK's client does. Called by the handlers only.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import aiohttp
import msgspec
from yarl import URL

API_VERSION = "2026-06-30"
ATTEMPTS = 5
WAIT_MIN_SECONDS = 1.0
WAIT_MAX_SECONDS = 90.0
TIMEOUT_SECONDS = 5.0
FINAL_REASONS = frozenset({"secret-store-sealed", "secret-store-denied", "secret-malformed"})
"""A 503 with one of these stays one until somebody does something: it is not asked again."""


class ApiRefused(Exception):
    """The Execution API answered 4xx (or 5xx to the last try). `detail` is the body's `detail`, if any."""

    def __init__(self, *, status: int, message: str, detail: Any) -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail
        self.message = message

    @property
    def reason(self) -> str:
        """The detail's word for programs, or nothing."""
        found = self.detail.get("reason") if isinstance(self.detail, dict) else None
        return found if isinstance(found, str) else ""


class ApiUnreachable(Exception):
    """No answer from the Execution API after every retry."""


@dataclass
class Token:
    """An attempt's bearer token; replaced when the API or a beat refreshes it."""

    value: str


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Any
    content: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.content) if self.content else None


class ExecutionClient:
    """One per attempt; the connection pool below is shared by all of them."""

    def __init__(self, *, http: aiohttp.ClientSession, base_url: str, token: Token, agent: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/") + "/"
        self._token = token
        self._agent = agent

    def use_token(self, token: str) -> None:
        """A beat brought a fresh token."""
        self._token.value = token

    async def get(self, path: str, params: dict[str, Any] | None = None) -> Reply:
        return await self._send("GET", path, params=params)

    async def head(self, path: str) -> Reply:
        return await self._send("HEAD", path)

    async def delete(self, path: str, params: dict[str, Any] | None = None) -> Reply:
        return await self._send("DELETE", path, params=params)

    async def put(self, path: str, body: Any, params: dict[str, Any] | None = None) -> Reply:
        return await self._send("PUT", path, body=body, params=params)

    async def post(self, path: str, body: Any = None, params: dict[str, Any] | None = None) -> Reply:
        return await self._send("POST", path, body=body, params=params, empty=body is None)

    async def patch(self, path: str, body: Any) -> Reply:
        return await self._send("PATCH", path, body=body)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: dict[str, Any] | None = None,
        empty: bool = False,
    ) -> Reply:
        data = None
        headers = {
            "authorization": f"Bearer {self._token.value}",
            "airflow-api-version": API_VERSION,
            "user-agent": self._agent,
        }
        if method == "POST":
            # An answer may be lost after the commit: what is sent again must be known again.
            headers["idempotency-key"] = str(uuid4())
        if method in ("PUT", "POST", "PATCH") and not empty:
            data = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        last: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(
                    random.uniform(0, min(WAIT_MAX_SECONDS, WAIT_MIN_SECONDS * 2 ** (attempt - 1)))
                )
            try:
                async with self._http.request(
                    method,
                    _url(self._base + path, params),
                    data=data,
                    headers=headers,
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
                ) as response:
                    reply = Reply(response.status, response.headers, await response.read())
            except (aiohttp.ClientError, TimeoutError) as error:
                last = error
                continue
            if refreshed := reply.headers.get("Refreshed-API-Token"):
                self._token.value = refreshed
            if reply.status < 400:
                return reply
            last = refusal = _refusal(reply)
            if reply.status < 500 or refusal.reason in FINAL_REASONS:
                raise refusal
        if isinstance(last, ApiRefused):
            raise last
        raise ApiUnreachable(f"{method} {path}: {type(last).__name__}: {last}")


def _url(url: str, params: dict[str, Any] | None) -> URL:
    """The path is quoted already by the handlers: no second quoting, no normalising."""
    pairs = _pairs(params)
    return URL(f"{url}?{urlencode(pairs)}" if pairs else url, encoded=True)


def _pairs(params: dict[str, Any] | None) -> list[tuple[str, str]]:
    """Query parameters as httpx writes them: lists repeat, booleans in lower case, None is empty."""
    pairs: list[tuple[str, str]] = []
    for key, value in (params or {}).items():
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, bool):
                pairs.append((key, "true" if item else "false"))
            else:
                pairs.append((key, "" if item is None else str(item)))
    return pairs


def _refusal(reply: Reply) -> ApiRefused:
    detail: Any = None
    message = f"HTTP {reply.status}"
    try:
        body = reply.json()
    except msgspec.DecodeError:
        body = None
    if isinstance(body, dict):
        detail = body.get("detail", body)
        if isinstance(detail, str):
            message = detail
        elif isinstance(detail, list):
            message = "Remote server returned validation error"
        else:
            message = "Server returned error"
    return ApiRefused(status=reply.status, message=message, detail=detail)
