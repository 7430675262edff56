"""Google Cloud Secret Manager, through its own library: the one file of the control plane that imports it.

Names are those of Airflow's own backend: `<prefix>-connections-<id>` and `<prefix>-variables-<key>`, of which the newest
version is read. A connection is a URI or a JSON object, a variable is a text. The service account is the tenant's
and signs each question itself (a JWT for this service): no token endpoint is asked, and nothing that the machine or the
environment has is used. The library is loaded before the first question of a process.
Source: Secret Manager's reference, projects.secrets.versions.access; google.auth's self-signed JWTs.
"""

from __future__ import annotations

import re
import threading
from typing import Any

from controlplane.secrets.connection_shape import connection_from
from controlplane.secrets.source import (
    Kind,
    SecretMalformed,
    SourceBusy,
    SourceDenied,
    SourceFaulty,
    SourceSlow,
    SourceUnreachable,
)

_NAME = re.compile(r"[A-Za-z0-9_-]+")
MOST_NAME = 255
_SECONDS = 1.4
_TOKENS = "https://oauth2.googleapis.com/token"


class GoogleSource:
    """One project. `endpoint`: instead of Google's own, which is https://secretmanager.googleapis.com."""

    def __init__(
        self, *, project: str, prefix: str, client_email: str, private_key: str, endpoint: str | None = None
    ) -> None:
        self._project, self._prefix = project, prefix
        self._account = {
            "type": "service_account",
            "client_email": client_email,
            "private_key": private_key,
            "token_uri": _TOKENS,
        }
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._made: Any = None

    def read(self, *, kind: Kind, name: str) -> Any:
        """See the contract."""
        secret = self.secret_of(kind, name)
        if secret is None:
            return None
        from google.api_core import exceptions
        from google.auth.exceptions import GoogleAuthError, TransportError
        from requests.exceptions import RequestException, Timeout

        path = f"projects/{self._project}/secrets/{secret}/versions/latest"
        try:
            answer = self.client.access_secret_version(request={"name": path}, timeout=_SECONDS, retry=None)
            held = answer.payload.data.decode()
        except exceptions.NotFound:
            return None
        except (exceptions.Forbidden, exceptions.Unauthorized):
            raise SourceDenied(
                "Google refuses: the service account's key, or its right to access this secret"
            ) from None
        except exceptions.BadRequest:
            raise SourceDenied("the newest version of the secret is disabled or destroyed") from None
        except exceptions.TooManyRequests:
            raise SourceBusy("Google asks for fewer questions") from None
        except exceptions.GoogleAPICallError as error:
            raise SourceFaulty(f"Google answered {error.code or 'what makes no sense'}") from None
        except Timeout:
            raise SourceSlow(f"Google did not answer in {_SECONDS:g} s") from None
        except (RequestException, TransportError):
            raise SourceUnreachable("Google cannot be reached") from None
        except (GoogleAuthError, ValueError) as error:
            if isinstance(error, UnicodeDecodeError):
                raise SecretMalformed(f"the secret of {kind} {name!r} is no text") from None
            raise SourceDenied("the service account's key cannot be used") from None
        return connection_from(held, conn_id=name) if kind == "connection" else held

    def load(self) -> None:
        """See the contract."""
        import google.cloud.secretmanager_v1  # noqa: F401

    def abort(self) -> None:
        """The library's own time-outs end a question; nothing else can."""

    def secret_of(self, kind: Kind, name: str) -> str | None:
        """What it is called there; None for a name that a secret cannot have."""
        secret = "-".join(part for part in (self._prefix, f"{kind}s", name) if part)
        return secret if _NAME.fullmatch(name) and len(secret) <= MOST_NAME else None

    @property
    def client(self) -> Any:
        """Made once. Raises ValueError for a key that is none."""
        with self._lock:
            if self._made is None:
                self._made = self._client()
            return self._made

    def _client(self) -> Any:
        from google.cloud.secretmanager_v1 import SecretManagerServiceClient
        from google.cloud.secretmanager_v1.services.secret_manager_service.transports import (
            SecretManagerServiceRestTransport,
        )
        from google.oauth2.service_account import Credentials

        class Account(Credentials):
            def _is_regional_access_boundary_lookup_required(self) -> bool:
                # The library would ask another service of Google's on a thread of its own, after each first question.
                return False

        scheme, _, host = (self._endpoint or "https://secretmanager.googleapis.com").partition("://")
        transport = SecretManagerServiceRestTransport(
            host=host,
            url_scheme=scheme,
            credentials=Account.from_service_account_info(self._account),
            always_use_jwt_access=True,
        )
        # No proxy and no netrc of the machine; no second address after a redirect.
        transport._session.trust_env = False
        transport._session.max_redirects = 0
        return SecretManagerServiceClient(transport=transport)
