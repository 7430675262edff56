"""How connections to Redis log in: with the password that its file holds when the connection is made.

Without `AERODROME_REDIS_PASSWORD_FILE` the address holds the password, and it stays what it was at the start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from redis.credentials import CredentialProvider


class LoginFromFile(CredentialProvider):
    """Read anew for each connection; connections that are open are not asked again by the server."""

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """`(password,)` or `(user, password)`. Raises OSError."""
        password = Path(settings.REDIS_PASSWORD_FILE).read_text(encoding="utf-8").strip()
        return (settings.REDIS_USER, password) if settings.REDIS_USER else (password,)


class Pool(redis.ConnectionPool):
    """The pool of Django's cache."""

    @classmethod
    def from_url(cls, url: str, **kwargs: Any) -> Any:
        """As redis-py's, with the login."""
        return super().from_url(url, **kwargs, **login())


def login() -> dict[str, Any]:
    """What a client is made with besides its address: nothing when the address holds the password."""
    return {"credential_provider": LoginFromFile()} if settings.REDIS_PASSWORD_FILE else {}
