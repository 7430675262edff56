"""What a spare tells the agent when it can take its task: one request frame with id -1 on descriptor 0."""

from __future__ import annotations

import os
from typing import Any

import msgspec

READY_ID = -1
READY_TYPE = "AerodromeReady"


def tell(*, loaded: Any, seconds: float) -> None:
    """Write the frame. The agent answers nothing: the next frame this child reads is its task."""
    body = {
        "type": READY_TYPE,
        "seconds": seconds,
        "dags": sorted(loaded.bag.dags) if loaded else [],
        "import_errors": dict(loaded.bag.import_errors) if loaded else {},
    }
    frame = msgspec.msgpack.encode([READY_ID, body])
    os.write(0, len(frame).to_bytes(4, "big") + frame)
