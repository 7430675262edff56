"""The secret store of this process."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from controlplane.secrets.contract import SecretStore
from controlplane.secrets.embedded import EmbeddedStore


@cache
def _embedded(encryption_key: str) -> EmbeddedStore:
    return EmbeddedStore(encryption_key=encryption_key)


def current() -> SecretStore:
    """The store that the settings name. `SECRET_STORE_OBJECT` exists in tests only: no variable sets it."""
    given: SecretStore | None = getattr(settings, "SECRET_STORE_OBJECT", None)
    return given if given is not None else _embedded(settings.ENCRYPTION_KEY)
