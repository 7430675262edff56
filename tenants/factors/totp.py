"""Codes of authenticator apps (RFC 6238: SHA-1, 30 seconds, six digits; what every app speaks)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from datetime import datetime
from urllib.parse import quote, urlencode

PERIOD_SECONDS = 30
DIGITS = 6
DRIFT = 1
"""How many periods an app's clock may be off, either way (RFC 6238, 5.2)."""


def new_secret() -> str:
    """160 random bits in base 32, as apps take them."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code_at(secret: str, counter: int) -> str:
    """The code of one period (RFC 4226, 5.3)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", counter), hashlib.sha1).digest()
    offset = digest[-1] & 0x0F
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_counter(secret: str, code: str, *, now: datetime, after: int) -> int | None:
    """The period that the code belongs to, if it is near and later than `after`, the last one taken."""
    present = int(now.timestamp()) // PERIOD_SECONDS
    given = code.replace(" ", "").encode("utf-8", "replace")
    found = None
    for counter in range(present - DRIFT, present + DRIFT + 1):
        # All are compared, in constant time each.
        if hmac.compare_digest(code_at(secret, counter).encode(), given) and counter > after:
            found = counter
    return found


def address_of(secret: str, *, username: str, issuer: str) -> str:
    """What the QR code says (the Key URI format of Google Authenticator)."""
    label = quote(f"{issuer}:{username}")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': issuer}, quote_via=quote)}"
