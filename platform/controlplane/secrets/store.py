"""The secret store of this process."""

from __future__ import annotations

import ipaddress
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from controlplane.secrets.contract import SecretStore
from controlplane.secrets.embedded import EmbeddedStore
from controlplane.secrets.key_encryption import KeyEncryption, LocalKeys

ANYWHERE = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
"""The platform's own Vault may be at any address: it is the operator who names it."""


@cache
def _embedded(encryption_key: str, previous: tuple[str, ...], kind: str) -> EmbeddedStore:
    local = LocalKeys(current=encryption_key, previous=previous)
    return EmbeddedStore(keys=local if kind == "local" else _transit(local))


def current() -> SecretStore:
    """The store that the settings name. `SECRET_STORE_OBJECT` exists in tests only: no variable sets it."""
    given: SecretStore | None = getattr(settings, "SECRET_STORE_OBJECT", None)
    if given is not None:
        return given
    return _embedded(
        settings.ENCRYPTION_KEY, tuple(settings.ENCRYPTION_KEYS_PREVIOUS), settings.KEY_ENCRYPTION
    )


def _transit(former: KeyEncryption) -> KeyEncryption:
    # Imported here: a control plane without a Vault loads no HTTP library for it.
    from controlplane.secrets.transit import TransitKeys
    from controlplane.secrets.vault import Login, VaultSession

    vault = settings.VAULT
    if not vault["address"]:
        raise ImproperlyConfigured("AERODROME_KEY_ENCRYPTION=transit needs AERODROME_VAULT_ADDRESS.")
    if vault["role"]:
        jwt_file = Path(vault["jwt_file"])
        login = Login("kubernetes", role=vault["role"], jwt=lambda: jwt_file.read_text("ascii").strip())
    elif vault["role_id"]:
        login = Login("approle", role_id=vault["role_id"], secret_id=vault["secret_id"])
    else:
        raise ImproperlyConfigured(
            "AERODROME_KEY_ENCRYPTION=transit needs a login: AERODROME_VAULT_ROLE_ID, or "
            "AERODROME_VAULT_KUBERNETES_ROLE."
        )
    session = VaultSession(
        address=vault["address"],
        login=login,
        namespace=vault["namespace"] or None,
        ca_pem=vault["ca_pem"] or None,
        allowed=ANYWHERE,
    )
    return TransitKeys(session=session, former=former, mount=vault["mount"], prefix=vault["prefix"])
