"""AWS Secrets Manager and Systems Manager Parameter Store, through boto3: the one file of the control plane that
imports it.

Names are those of Airflow's own AWS backends: `<prefix>/connections/<id>` and `<prefix>/variables/<key>`, with a slash
before them in the Parameter Store. A connection is a URI or a JSON object, a variable is a text.
Only the tenant's own keys are used, never what the machine or the environment has: a tenant would read with the
platform's rights. Source: AWS API references, GetSecretValue and GetParameter.
"""

from __future__ import annotations

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from controlplane.secrets.connection_shape import connection_from
from controlplane.secrets.source import (
    Kind,
    SecretMalformed,
    SourceBusy,
    SourceDenied,
    SourceFailed,
    SourceFaulty,
    SourceSlow,
    SourceUnreachable,
    is_path,
)

_ABSENT = frozenset({"ResourceNotFoundException", "ParameterNotFound"})
_UNNAMEABLE = frozenset({"ValidationException", "InvalidParameterException", "ParameterVersionNotFound"})
"""A name that cannot be one: there is no such secret."""
_BUSY = frozenset({"ThrottlingException", "TooManyUpdates", "LimitExceededException", "RequestLimitExceeded"})
_SECONDS = 1.4
"""Of connecting, and of each read: with one more try below the bound on a whole question."""


class _AwsSource:
    service = ""

    def __init__(
        self,
        *,
        region: str,
        prefix: str,
        access_key_id: str,
        secret_access_key: str,
        session_token: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self._prefix = prefix.strip("/")
        session = boto3.session.Session(
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            aws_session_token=session_token,
            region_name=region,
        )
        self._client = session.client(
            self.service,
            endpoint_url=endpoint,
            config=Config(
                connect_timeout=_SECONDS,
                read_timeout=_SECONDS,
                retries={"total_max_attempts": 1},
                ignore_configured_endpoint_urls=True,
                proxies={},
            ),
        )

    def read(self, *, kind: Kind, name: str) -> Any:
        """See the contract."""
        if not is_path(name):
            return None
        path = "/".join(part for part in (self._prefix, f"{kind}s", name) if part)
        try:
            held = self._get(path)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _ABSENT or code in _UNNAMEABLE:
                return None
            raise _refused(self.service, code, error) from None
        except BotoCoreError as error:
            raise _explained(self.service, error) from None
        if not isinstance(held, str):
            raise SecretMalformed(f"the secret of {kind} {name!r} is no text")
        return connection_from(held, conn_id=name) if kind == "connection" else held

    def load(self) -> None:
        """Nothing more."""

    def abort(self) -> None:
        """The library's own time-outs end a question; nothing else can."""

    def _get(self, path: str) -> Any:
        raise NotImplementedError


class SecretsManagerSource(_AwsSource):
    """AWS Secrets Manager."""

    service = "secretsmanager"

    def _get(self, path: str) -> Any:
        return self._client.get_secret_value(SecretId=path).get("SecretString")


class ParameterStoreSource(_AwsSource):
    """AWS Systems Manager Parameter Store; encrypted parameters are decrypted there."""

    service = "ssm"

    def _get(self, path: str) -> Any:
        return self._client.get_parameter(Name=f"/{path}", WithDecryption=True)["Parameter"]["Value"]


def _refused(service: str, code: str, error: ClientError) -> SourceFailed:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _BUSY or status == 429:
        return SourceBusy(f"{service} asks for fewer questions ({code})")
    if status >= 500:
        return SourceFaulty(f"{service} answered {status} ({code})")
    return SourceDenied(f"{service} refuses ({code}): its policy, the key, or the key's end")


def _explained(service: str, error: BotoCoreError) -> SourceFailed:
    if isinstance(error, ConnectTimeoutError | ReadTimeoutError):
        return SourceSlow(f"{service} did not answer in {_SECONDS:g} s")
    if isinstance(error, EndpointConnectionError):
        return SourceUnreachable(f"{service} cannot be reached")
    return SourceFaulty(f"{service} failed: {type(error).__name__}")
