"""What the database can hold of what a task says: no NUL characters, JSON without NaN. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

REPLACEMENT = "\\ufffd"
"""U+FFFD, as JSON text: what stands for a NUL character where a replacement is better than a refusal."""

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class NotStorable(ValueError):
    """The value cannot be stored as it is."""


def json_text(value: Any, *, nul: str | None = None) -> str:
    """JSON text of `value`, NUL characters replaced by `nul` (JSON text too). Raises NotStorable."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        if not text.isascii():
            text.encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise NotStorable(f"a value cannot be stored as JSON: {error}") from error
    if nul is None:
        check_json(text)
    elif "\\u0000" in text:
        text = _NUL.sub(lambda match: match[1] + nul, text)
    return text


def check_json(text: str) -> None:
    """JSON text that came as such. Raises NotStorable when it holds a NUL character."""
    if "\\u0000" in text and _NUL.search(text):
        raise NotStorable("a value holds a NUL character, which the database cannot store")


def plain_text(value: Any, *, name: str, longest: int) -> str:
    """`value`, cut to `longest` characters. Raises NotStorable unless it is text without NUL."""
    if not isinstance(value, str) or "\0" in value:
        raise NotStorable(f"{name} {str(value)[:50]!r} is not a text that can be stored")
    return value[:longest]
