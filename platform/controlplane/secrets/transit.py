"""A Vault's transit engine as key-encryption key: it wraps and unwraps data keys, and no key of its leaves it.

One transit key per tenant, `<prefix><tenant id>`, made by Vault at the first use (the policy needs `create` and
`update` on `transit/encrypt/<prefix>*`, and `update` on `transit/decrypt/<prefix>*`). The data key's tenant and id are
the associated data, so a wrapped key that was copied to another row does not open. Unwrapped keys stay in memory for
`embedded.KEY_CACHE_SECONDS`; after that a Vault that is away means KeyUnavailable, never another way in.
Keys that `former` wrapped stay readable, which is how a database moves to transit: start, then rotate.
Source: Vault documentation, "Transit secrets engine (API)", `associated_data`; RELIABILITY 4.3.
"""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from controlplane.secrets.bounded import BoundedAsking
from controlplane.secrets.contract import KeyKept, KeyUnavailable, SealBroken
from controlplane.secrets.key_encryption import KeyEncryption, Wrapped, bound_to
from controlplane.secrets.source import SourceDenied, SourceFailed
from controlplane.secrets.vault import VaultRefused, VaultSession

STORE = "AERODROME_VAULT_ADDRESS"
"""The name of the platform's own Vault in refusals."""


class TransitKeys:
    """`former`: what wrapped the data keys before."""

    def __init__(
        self,
        *,
        session: VaultSession,
        former: KeyEncryption,
        mount: str = "transit",
        prefix: str = "aerodrome-",
        asking: BoundedAsking | None = None,
    ) -> None:
        self._session, self._former, self._mount, self._prefix = session, former, mount, prefix
        self._asking = asking or BoundedAsking()

    def is_current(self, kek_id: str) -> bool:
        """See the contract."""
        return kek_id == self._kek_id

    def wrap(self, *, tenant_id: UUID, key_id: UUID, key: bytes) -> Wrapped:
        """See the contract."""
        body = self._post("encrypt", tenant_id, key_id, plaintext=_text(key))
        return Wrapped(self._kek_id, str(body["ciphertext"]).encode())

    def unwrap(self, *, tenant_id: UUID, key_id: UUID, held: Wrapped) -> bytes:
        """See the contract."""
        if held.kek_id != self._kek_id:
            return self._former.unwrap(tenant_id=tenant_id, key_id=key_id, held=held)
        body = self._post("decrypt", tenant_id, key_id, ciphertext=held.wrapped.decode("ascii", "replace"))
        return base64.b64decode(body["plaintext"])

    def forget(self, *, tenant_id: UUID) -> None:
        """See the contract. The policy needs `update` on `transit/keys/<prefix>*/config` and `delete` on
        `transit/keys/<prefix>*`; without them the key stays."""
        name = f"{self._prefix}{tenant_id}"
        try:
            self._session.delete_key(name, mount=self._mount)
        except SourceDenied as error:
            raise KeyKept(f"the transit key {name}: {error}") from error
        except SourceFailed as error:
            raise KeyUnavailable(f"the transit key {name} cannot be deleted: {error}") from error

    @property
    def _kek_id(self) -> str:
        return f"transit:{self._mount}/{self._prefix}"[:100]

    def _post(self, verb: str, tenant_id: UUID, key_id: UUID, **body: str) -> dict[str, Any]:
        path = f"{self._mount}/{verb}/{self._prefix}{tenant_id}"
        body["associated_data"] = _text(bound_to(tenant_id, key_id))
        try:
            return self._asking.ask(
                lambda: self._session.write(path, body),
                abort=self._session.abort,
                tenant_id=tenant_id,
                store=STORE,
                version=0,
            )
        except VaultRefused as error:
            raise SealBroken(f"data key {key_id}: {error}") from None
        except SourceFailed as error:
            raise KeyUnavailable(f"the key-encryption key cannot be had: {error}") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
