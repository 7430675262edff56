"""Vault and OpenBao, through hvac: the one file that imports it. KV version 2 as a source of a tenant's chain, and the
session (login, renewal, login anew) that `transit.py` stands on too.

Paths are those of Airflow's own Vault backend: below `prefix` in the engine at `mount`, `connections/<id>` and
`variables/<key>` (a variable's text under the key `value`).

A token is used until two thirds of its life are over, then renewed, and what the renewal answers is believed, not what
was asked. One that cannot be renewed, or is refused once, is replaced by a new login; a refusal right after a login
is the answer. Nothing runs between questions: an idle tenant's token simply ends.
Source: Vault documentation, "Lease, renew, and revoke", "KV secrets engine - version 2 (API)"; RELIABILITY 2.3 (77).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import hvac
import requests
from hvac import exceptions

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
    SourceSealed,
    SourceSlow,
    SourceUnreachable,
    is_path,
)
from domain.addresses import Network

RENEW_AT = 2 / 3
HTTP_SECONDS = 2.5
"""Of one request's connecting, and of each of its reads. The bound on a whole question is in `bounded.py`."""


class VaultRefused(Exception):
    """It understood what was written, and says that it makes no sense (400)."""


@dataclass(frozen=True)
class Login:
    """How to get a token. `jwt` of a Kubernetes service account: a text, or a function that reads the mounted file anew,
    since Kubernetes replaces it."""

    method: Literal["approle", "kubernetes", "token"]
    mount: str = ""
    role_id: str = ""
    secret_id: str = field(default="", repr=False)
    role: str = ""
    jwt: str | Callable[[], str] = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass
class _Held:
    """A token, and when it is to be renewed and ends; `seconds` is the life that its login gave it."""

    token: str
    seconds: float
    renewable: bool
    renew_at: float
    ends_at: float


class VaultSession:
    """One tenant's way into one Vault. Safe to share between threads; its lock is nobody else's."""

    def __init__(
        self,
        *,
        address: str,
        login: Login,
        namespace: str | None = None,
        ca_pem: str | None = None,
        allowed: tuple[Network, ...] = (),
    ) -> None:
        self._address, self._login, self._namespace = address, login, namespace
        self._http = GuardedSession(
            allowed=allowed, seconds=HTTP_SECONDS, most_bytes=MOST_BYTES, ca_pem=ca_pem
        )
        self._lock = threading.Lock()
        self._held: _Held | None = None

    def call(self, ask: Callable[[hvac.Client], Any]) -> Any:
        """What `ask` returns, with a token that lives. `hvac`'s InvalidPath passes: only the caller knows what is
        absent. Raises SourceFailed."""
        try:
            token, is_new = self._token()
            try:
                return ask(self._client(token))
            except (exceptions.Forbidden, exceptions.Unauthorized):
                if is_new:
                    raise
            # Revoked, or its policies changed: a new one knows.
            self._forget(token)
            token, _ = self._token()
            return ask(self._client(token))
        except exceptions.InvalidPath:
            raise
        except Exception as error:
            raise _explained(error, self._address) from None

    def write(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        """POST to a path; the answer's `data`. Raises SourceFailed, and VaultRefused."""

        def post(client: hvac.Client) -> Any:
            try:
                return client.adapter.post(f"/v1/{path}", json=body)
            except exceptions.InvalidRequest as error:
                return VaultRefused(", ".join(error.errors or [])[:200])

        try:
            answered = self.call(post)
        except exceptions.InvalidPath:
            raise SourceFaulty(f"{self._address} has nothing at {path}") from None
        if isinstance(answered, VaultRefused):
            raise answered
        found = _body(answered).get("data")
        if not isinstance(found, dict):
            raise SourceFaulty(f"{self._address} answered without data at {path}")
        return found

    def delete_key(self, name: str, *, mount: str) -> None:
        """Delete a transit key for good: what it wrapped opens never again. No such key: no change. Raises
        SourceFailed."""

        def delete(client: hvac.Client) -> None:
            keys = client.secrets.transit
            try:
                keys.update_key_configuration(name, deletion_allowed=True, mount_point=mount)
                keys.delete_key(name, mount_point=mount)
            except exceptions.InvalidRequest as error:
                # Vault's words for a key that is not there; there is no other sign of it.
                if "no existing key" not in ", ".join(error.errors or []):
                    raise

        try:
            self.call(delete)
        except exceptions.InvalidPath:
            raise SourceFaulty(f"{self._address} has no transit engine at the mount {mount!r}") from None

    def abort(self) -> None:
        """Requests under way fail."""
        self._http.cut()

    def _client(self, token: str) -> hvac.Client:
        # hvac would look into the environment and the home folder for what is None.
        return hvac.Client(
            url=self._address,
            token=token,
            namespace=self._namespace,
            session=self._http,
            timeout=HTTP_SECONDS,
            verify=True,
            allow_redirects=False,
        )

    def _token(self) -> tuple[str, bool]:
        with self._lock:
            now = time.monotonic()
            held = self._held
            if held is not None and now < held.renew_at:
                return held.token, False
            if held is not None and held.renewable and now < held.ends_at:
                try:
                    renewed = _body(self._client(held.token).auth.token.renew_self())
                    longer = _held(renewed, held.token)
                    # What was asked for is only a wish: near its greatest life a token gets less and less.
                    if longer.seconds * 3 >= held.seconds:
                        self._held = replace(longer, seconds=held.seconds)
                        return held.token, False
                except (exceptions.VaultError, SourceFailed):
                    pass
            if self._login.method == "token" and held is not None and now < held.ends_at:
                return held.token, False
            self._held = self._log_in()
            return self._held.token, True

    def _forget(self, token: str) -> None:
        with self._lock:
            if self._held is not None and self._held.token == token:
                self._held = None

    def _log_in(self) -> _Held:
        login, client = self._login, self._client("")
        try:
            if login.method == "token":
                found = _body(self._client(login.token).auth.token.lookup_self())["data"]
                found = {"lease_duration": found.get("ttl", 0), "renewable": found.get("renewable", False)}
                return _held({"auth": found}, login.token)
            if login.method == "approle":
                body = client.auth.approle.login(
                    login.role_id,
                    login.secret_id,
                    use_token=False,
                    mount_point=login.mount or "approle",
                )
            else:
                jwt = login.jwt() if callable(login.jwt) else login.jwt
                body = client.auth.kubernetes.login(
                    login.role, jwt, use_token=False, mount_point=login.mount or "kubernetes"
                )
        except (exceptions.InvalidRequest, exceptions.Forbidden, exceptions.Unauthorized) as error:
            said = ", ".join(error.errors or []) or type(error).__name__
            raise SourceDenied(
                f"{self._address}: the login with {login.method} was refused ({said[:200]}): "
                "store new credentials in the secret chain"
            ) from None
        except exceptions.InvalidPath:
            raise SourceDenied(f"{self._address}: there is no {login.method} login at this mount") from None
        return _held(_body(body), None)


class VaultSource:
    """Connections and variables below a prefix of a KV version 2 engine."""

    def __init__(self, *, session: VaultSession, mount: str = "secret", prefix: str = "") -> None:
        self._session, self._mount, self._prefix = session, mount, prefix.strip("/")

    def read(self, *, kind: Kind, name: str) -> Any:
        """See the contract."""
        if not is_path(name):
            return None
        path = "/".join(part for part in (self._prefix, f"{kind}s", name) if part)
        try:
            body = self._session.call(
                lambda client: client.secrets.kv.v2.read_secret_version(
                    path=path, mount_point=self._mount, raise_on_deleted_version=True
                )
            )
        except exceptions.InvalidPath as error:
            if error.errors:
                raise SourceFaulty(
                    f"there is no KV version 2 engine at the mount {self._mount!r} (or no such namespace)"
                ) from None
            return None
        try:
            held = _body(body)["data"]["data"]
        except (KeyError, TypeError):
            raise SourceFaulty(f"the engine at the mount {self._mount!r} is not KV version 2") from None
        if kind == "connection":
            return connection_from(held, conn_id=name)
        if not isinstance(held, dict) or not isinstance(held.get("value"), str):
            raise SecretMalformed(f"the secret of variable {name!r} has no text under the key `value`")
        return held["value"]

    def load(self) -> None:
        """Nothing more."""

    def abort(self) -> None:
        """See the contract."""
        self._session.abort()


def _held(body: dict[str, Any], token: str | None) -> _Held:
    try:
        auth = body["auth"]
        seconds, text = float(auth["lease_duration"]), token or str(auth["client_token"])
    except (KeyError, TypeError, ValueError):
        raise SourceFaulty("the login was answered without a token") from None
    now = time.monotonic()
    if seconds <= 0:  # a root token, or one without an end
        return _Held(text, 0.0, False, float("inf"), float("inf"))
    return _Held(text, seconds, bool(auth.get("renewable")), now + seconds * RENEW_AT, now + seconds)


def _body(answer: Any) -> dict[str, Any]:
    """hvac gives the response itself when it is no JSON object with status 200."""
    if isinstance(answer, dict):
        return answer
    raise SourceFaulty(f"it answered with status {getattr(answer, 'status_code', '?')} and no JSON object")


def _explained(error: Exception, address: str) -> SourceFailed:
    """The refusal that an error means. Its message repeats neither tokens nor values."""
    if isinstance(error, SourceFailed):
        return error
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
        return SourceDenied(f"{address}: permission denied; its policy does not reach this secret")
    if isinstance(error, exceptions.VaultDown):
        text = f"{error.text or ''} {', '.join(error.errors or [])}".lower()
        if "sealed" in text:
            return SourceSealed(f"{address} is sealed: its operators have to unseal it")
        return SourceFaulty(f"{address} answered 503")
    if isinstance(error, exceptions.RateLimitExceeded):
        return SourceBusy(f"{address} asks for fewer questions (429)")
    if isinstance(error, exceptions.VaultError):
        return SourceFaulty(f"{address} failed: {type(error).__name__} {', '.join(error.errors or [])[:200]}")
    for cause in _causes(error):
        if isinstance(cause, AddressRefused):
            return SourceUnreachable(f"{address} is an internal address, which the operator does not allow")
        if isinstance(cause, AnswerTooLong):
            return SourceFaulty(f"{address}: {cause}")
    if isinstance(error, requests.Timeout):
        return SourceSlow(f"{address} did not answer in {HTTP_SECONDS:g} s")
    if isinstance(error, requests.exceptions.SSLError):
        return SourceUnreachable(f"{address}: its certificate cannot be verified")
    if isinstance(error, requests.RequestException | OSError):
        return SourceUnreachable(f"{address} cannot be reached ({type(error).__name__})")
    return SourceFaulty(f"{address}: its answer cannot be read ({type(error).__name__})")


def _causes(error: BaseException) -> list[BaseException]:
    """The error, what it came from, and what urllib3 and requests hide in arguments."""
    found: list[BaseException] = []
    todo: list[Any] = [error]
    while todo and len(found) < 20:
        each = todo.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            todo += [each.__cause__, each.__context__, getattr(each, "reason", None), *each.args]
    return found
