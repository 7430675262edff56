"""A body of unknown size on its way into a temporary file, bounded. Called by both doors of this station."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO

from controlplane.bundles.refusal import size_text

_CHUNK = 1 << 16
_IN_MEMORY = 1 << 20
_SLACK_BYTES = 1 << 20


class BodyTooLarge(ValueError):
    """The body is larger than a bundle may be."""


def spool_body(*, read: Callable[[int], bytes], most: int) -> tuple[IO[bytes], int]:
    """The body in a temporary file, at its start, and its size. The caller closes it.

    Raises `BodyTooLarge` beyond `most` bytes (and some slack for framing).
    """
    spool: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the caller closes it
    size = 0
    while chunk := read(_CHUNK):
        size += len(chunk)
        if size > most + _SLACK_BYTES:
            spool.close()
            raise BodyTooLarge(
                f"more than {size_text(most)} were sent; keep data in object storage, and if large files are in "
                "older commits, remove them from the history"
            )
        spool.write(chunk)
    spool.seek(0)
    return spool, size
