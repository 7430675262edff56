"""HTTP to addresses that tenants name: resolved once, every address looked at, then connected to that very address.

No proxy, no netrc, no redirect, no cookie, no answer above a bound. `cut` makes whoever reads fail at once: a time-out
per read does not stop a server that sends a byte at a time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import weakref
from collections.abc import Iterable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from domain.addresses import Network, may_connect


class AddressRefused(OSError):
    """The host has an address that tenants may not make the platform connect to."""


class AnswerTooLong(OSError):
    """More than the bound."""


class GuardedSession(requests.Session):
    """A requests session for one store. `allowed`: networks besides the public ones; `ca_pem`: instead of the system's
    authorities; `most_bytes`: of one answer; `seconds`: until connected, and of each read."""

    def __init__(
        self, *, allowed: Iterable[Network], seconds: float, most_bytes: int, ca_pem: str | None = None
    ) -> None:
        super().__init__()
        self.trust_env = False
        self._seconds, self._most = seconds, most_bytes
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._lock = threading.Lock()
        context = ssl.create_default_context(cadata=ca_pem) if ca_pem else ssl.create_default_context()
        adapter = _Adapter(self, tuple(allowed), context)
        self.mount("http://", adapter)
        self.mount("https://", adapter)

    def request(self, method: Any, url: Any, **keywords: Any) -> requests.Response:
        """As the library's, whole answer read, within the bounds. Raises what it raises, and AnswerTooLong."""
        keywords |= {"allow_redirects": False, "timeout": self._seconds, "stream": True, "verify": True}
        self.cookies.clear()
        response = super().request(method, url, **keywords)
        parts, size = [], 0
        for part in response.iter_content(65536):
            size += len(part)
            if size > self._most:
                response.close()
                raise AnswerTooLong(f"the answer is longer than {self._most} bytes")
            parts.append(part)
        response._content = b"".join(parts)
        return response

    def opened(self, sock: socket.socket) -> socket.socket:
        with self._lock:
            self._sockets.add(sock)
        return sock

    def cut(self) -> None:
        """Whoever reads or writes fails at once; later requests open new sockets."""
        with self._lock:
            sockets = list(self._sockets)
            self._sockets = weakref.WeakSet()
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    def __init__(
        self, session: GuardedSession, allowed: tuple[Network, ...], context: ssl.SSLContext
    ) -> None:
        self._session, self._allowed, self._context = session, allowed, context
        super().__init__(pool_connections=1, pool_maxsize=4, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords, ssl_context=self._context)
        session, allowed = self._session, self._allowed

        def connect(connection: Any) -> socket.socket:
            return session.opened(_connected(connection, allowed))

        class Plain(HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class Secure(HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class PlainPool(HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _connected(connection: Any, allowed: tuple[Network, ...]) -> socket.socket:
    host = str(connection._dns_host)
    try:
        found = socket.getaddrinfo(host.strip("[]"), connection.port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise NewConnectionError(connection, f"{host} has no address: {error}") from error
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not all(may_connect(address, allowed=allowed) for address in addresses):
        raise AddressRefused(f"{host} is an internal address")
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else 3.0
    last: OSError | None = None
    for address in addresses[:3]:
        try:
            return socket.create_connection((address, connection.port), timeout)
        except OSError as error:
            last = error
    raise NewConnectionError(connection, f"{host}:{connection.port} cannot be connected to: {last}") from last
