"""A request's body as a stream, for doors that do not want it in memory."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest


def body_reader(request: HttpRequest) -> Callable[[int], bytes]:
    """`read(most)`: the next bytes, empty at the end.

    Django's own reading needs a Content-Length, which chunked and HTTP/2 requests may not have. A server that
    does not end the stream itself is read up to the length that was named.
    """
    stream = request.META["wsgi.input"]
    if request.META.get("wsgi.input_terminated"):
        return stream.read  # type: ignore[no-any-return]
    left = int(request.META.get("CONTENT_LENGTH") or 0)

    def read(most: int) -> bytes:
        nonlocal left
        chunk: bytes = stream.read(min(most, left)) if left else b""
        left -= len(chunk)
        return chunk

    return read
