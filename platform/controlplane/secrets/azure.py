"""Azure Key Vault, through its own libraries: the one file of the control plane that imports them.

Names are those of Airflow's own backend: `<prefix>-connections-<id>` and `<prefix>-variables-<key>`, with hyphens for
underscores. A connection is a URI or a JSON object, a variable is a text. The application (client id and secret) is the
tenant's, and nothing that the machine or the environment has is used. Every request goes through `egress.py`: resolved
once, looked at, no redirect, no proxy. The libraries are loaded before the first question of a process.
Source: Key Vault's REST reference, Get Secret; azure-core's custom transports.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from typing import Any

from controlplane.secrets.connection_shape import connection_from
from controlplane.secrets.egress import AddressRefused, AnswerTooLong, GuardedSession
from controlplane.secrets.source import (
    MOST_BYTES,
    Kind,
    SecretMalformed,
    SourceBusy,
    SourceDenied,
    SourceFailed,
    SourceFaulty,
    SourceSlow,
    SourceUnreachable,
)
from domain.addresses import Network

_NAME = re.compile(r"[A-Za-z0-9_-]+")
MOST_NAME = 127
_SECONDS = 1.4
AUTHORITIES = {
    ".vault.azure.net": "login.microsoftonline.com",
    ".vault.azure.cn": "login.chinacloudapi.cn",
    ".vault.usgovcloudapi.net": "login.microsoftonline.us",
}
"""A vault's domain -> who vouches for applications there."""


class AzureSource:
    """One vault. `authority`, `ca_pem` and `is_known_cloud`: for a server that stands in for Azure."""

    def __init__(
        self,
        *,
        vault_url: str,
        prefix: str,
        tenant: str,
        client_id: str,
        client_secret: str,
        allowed: Iterable[Network],
        authority: str | None = None,
        ca_pem: str | None = None,
        is_known_cloud: bool = True,
    ) -> None:
        self._vault_url, self._prefix = vault_url, prefix
        self._application = {"tenant_id": tenant, "client_id": client_id, "client_secret": client_secret}
        self._authority = authority or next(
            login for domain, login in AUTHORITIES.items() if vault_url.endswith(domain)
        )
        self._is_known_cloud = is_known_cloud
        self._session = GuardedSession(
            allowed=allowed, seconds=_SECONDS, most_bytes=MOST_BYTES, ca_pem=ca_pem
        )
        self._lock = threading.Lock()
        self._made: Any = None

    def read(self, *, kind: Kind, name: str) -> Any:
        """See the contract."""
        secret = self.secret_of(kind, name)
        if secret is None:
            return None
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            held = self.client.get_secret(secret).value
        except ResourceNotFoundError:
            return None
        except AddressRefused as error:
            raise SourceUnreachable(str(error)) from None
        except AnswerTooLong as error:
            raise SourceFaulty(str(error)) from None
        except (AzureError, OSError, ValueError) as error:
            raise _explained(error) from None
        if not isinstance(held, str):
            raise SecretMalformed(f"the secret of {kind} {name!r} is no text")
        return connection_from(held, conn_id=name) if kind == "connection" else held

    def load(self) -> None:
        """See the contract."""
        import azure.identity
        import azure.keyvault.secrets  # noqa: F401

    def abort(self) -> None:
        """See the contract."""
        self._session.cut()

    def secret_of(self, kind: Kind, name: str) -> str | None:
        """What it is called there; None for a name that a secret cannot have."""
        secret = "-".join(part for part in (self._prefix, f"{kind}s", name) if part).replace("_", "-")
        return secret if _NAME.fullmatch(name) and len(secret) <= MOST_NAME else None

    @property
    def client(self) -> Any:
        """Made once."""
        with self._lock:
            if self._made is None:
                self._made = self._client()
            return self._made

    def _client(self) -> Any:
        from azure.core.pipeline.transport import RequestsTransport
        from azure.identity import ClientSecretCredential
        from azure.keyvault.secrets import SecretClient

        def transport() -> RequestsTransport:
            return RequestsTransport(session=self._session, session_owner=False, use_env_settings=False)

        credential = ClientSecretCredential(
            **self._application,
            authority=f"https://{self._authority}",
            disable_instance_discovery=True,
            transport=transport(),
            retry_total=0,
        )
        return SecretClient(
            vault_url=self._vault_url,
            credential=credential,
            transport=transport(),
            retry_total=0,
            verify_challenge_resource=self._is_known_cloud,
        )


def _explained(error: Exception) -> SourceFailed:
    from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
    from requests.exceptions import Timeout

    reasons = _reasons(error)
    for reason in reasons:
        if isinstance(reason, AddressRefused):
            return SourceUnreachable(str(reason))
    if any(isinstance(reason, Timeout | TimeoutError) for reason in reasons):
        return SourceSlow(f"Azure did not answer in {_SECONDS:g} s")
    status = getattr(error, "status_code", None) or 0
    if status == 429:
        return SourceBusy("Azure asks for fewer questions")
    if status >= 500:
        return SourceFaulty(f"Azure answered {status}")
    if isinstance(error, ClientAuthenticationError) or status in (401, 403):
        return SourceDenied(
            "Azure refuses: the application's secret, its end, or its right to get this secret"
        )
    if isinstance(error, ServiceRequestError):
        return SourceUnreachable("Azure cannot be reached")
    if isinstance(error, HttpResponseError) and status:
        return SourceFaulty(f"Azure answered {status}")
    return SourceFaulty(f"Azure failed: {type(error).__name__}")


def _reasons(error: BaseException) -> list[BaseException]:
    """The error and what led to it: the libraries keep that in causes, in `inner_exception` and in arguments."""
    found: list[BaseException] = []
    left: list[Any] = [error]
    while left and len(found) < 50:
        one = left.pop()
        if isinstance(one, BaseException) and not any(one is each for each in found):
            found.append(one)
            left += [one.__cause__, one.__context__, getattr(one, "inner_exception", None), *one.args]
            left.append(getattr(one, "reason", None))
    return found
