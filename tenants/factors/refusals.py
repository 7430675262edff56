"""What a security key's answer is refused with."""

from __future__ import annotations


class KeyRefused(Exception):
    """The answer does not fit the challenge, the key, the site or the person."""
