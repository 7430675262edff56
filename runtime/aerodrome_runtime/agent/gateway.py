"""HTTP to the control plane's agent gateway: msgpack bodies, one bearer token, a TCP or Unix socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from taskwire.agent import (
    Beat,
    BeatResult,
    Claim,
    Claimed,
    LogBatch,
    LogResult,
    Register,
    Registered,
    ReportBatch,
    ReportResult,
    TriggerBeat,
)

Word = TypeVar("Word")
MSGPACK = "application/msgpack"


class GatewayGone(Exception):
    """The gateway does not know this agent (any more): 404 or 410. Register again."""


class GatewayRefused(Exception):
    """The gateway answered with an error. `status` is HTTP's; the text is the problem's."""

    def __init__(self, *, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class GatewayUnreachable(Exception):
    """No answer: connection refused, reset or timed out."""


class Gateway:
    """The six requests. Every method raises one of the three errors above."""

    def __init__(self, *, url: str, socket_path: str | None, token: str) -> None:
        self._url = url
        connector: aiohttp.BaseConnector = (
            aiohttp.UnixConnector(path=socket_path, limit=16)
            if socket_path
            else aiohttp.TCPConnector(limit=16)
        )
        self._http = aiohttp.ClientSession(
            connector=connector,
            headers={"authorization": f"Bearer {token}"},
            skip_auto_headers=("User-Agent",),
        )
        self._encoder = msgspec.msgpack.Encoder()

    async def close(self) -> None:
        await self._http.close()

    async def register(self, word: Register) -> Registered:
        return await self._post("register", word, Registered, seconds=30)

    async def claim(self, word: Claim) -> Claimed:
        return await self._post("claim", word, Claimed, seconds=word.wait_seconds + 15)

    async def report(self, word: ReportBatch) -> ReportResult:
        return await self._post("report", word, ReportResult, seconds=60)

    async def beat(self, word: Beat) -> BeatResult:
        return await self._post("beat", word, BeatResult, seconds=15)

    async def triggers(self, word: TriggerBeat) -> BeatResult:
        return await self._post("triggers", word, BeatResult, seconds=15)

    async def logs(self, word: LogBatch) -> LogResult:
        return await self._post("logs", word, LogResult, seconds=60)

    async def fetch_bundle(self, *, digest: str, target: Path, most_bytes: int) -> int:
        """Stream an artefact into `target`; return its size. Refuses more than `most_bytes`."""
        size = 0
        try:
            async with self._http.get(
                f"{self._url}/agent/v1/bundles/{digest}", timeout=aiohttp.ClientTimeout(total=600)
            ) as response:
                if response.status == 404:
                    raise GatewayRefused(status=404, message=f"there is no bundle {digest}")
                await _check(response)
                with target.open("wb") as out:
                    async for chunk in response.content.iter_chunked(1 << 20):
                        size += len(chunk)
                        if size > most_bytes:
                            raise GatewayRefused(
                                status=413, message=f"bundle {digest} exceeds {most_bytes} bytes"
                            )
                        out.write(chunk)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise GatewayUnreachable(f"bundle {digest}: {type(error).__name__}: {error}") from error
        return size

    async def _post(self, path: str, word: Any, answer: type[Word], *, seconds: float) -> Word:
        try:
            async with self._http.post(
                f"{self._url}/agent/v1/{path}",
                data=self._encoder.encode(word),
                headers={"content-type": MSGPACK, "accept": MSGPACK},
                timeout=aiohttp.ClientTimeout(total=seconds),
            ) as response:
                await _check(response)
                data = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise GatewayUnreachable(f"{path}: {type(error).__name__}: {error}") from error
        try:
            if response.content_type == MSGPACK:
                return msgspec.msgpack.decode(data, type=answer)
            return msgspec.json.decode(data, type=answer)
        except msgspec.DecodeError as error:
            raise GatewayRefused(
                status=response.status, message=f"{path}: unreadable answer: {error}"
            ) from error


async def _check(response: aiohttp.ClientResponse) -> None:
    if response.status < 300:
        return
    text = (await response.text())[:500]
    if response.status in (404, 410):
        raise GatewayGone(text)
    raise GatewayRefused(status=response.status, message=text)
