"""Mails of tasks and callbacks that have no network of their own: the agent speaks SMTP for them.

It takes host, user and password from the tenant's connection, which it asks for with the attempt's own token, never
from the child; and it connects only to public addresses unless the operator says otherwise, so that a connection of a
tenant opens no door into the machine's own network (docs/adr/0019).
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import smtplib
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Literal

Policy = Literal["public", "any", "off"]
SECONDS = 15.0
"""Less than a finished task's callbacks may take in all (20 s)."""
AT_ONCE = 4
PER_ATTEMPT = 20
MOST_BYTES = 10 * 1024 * 1024
MOST_RECIPIENTS = 100


class MailRefused(ValueError):
    """The mail does not go out; the message is for the author, in the task's log."""


@dataclass(frozen=True)
class Mail:
    """One message as `smtplib.SMTP.sendmail` takes it."""

    sender: str
    recipients: list[str]
    data: bytes


@dataclass(frozen=True)
class Server:
    """What Airflow's SmtpHook reads from a connection of type smtp."""

    host: str
    port: int
    user: str | None
    password: str | None
    is_ssl: bool
    starttls: bool
    verifies: bool

    @classmethod
    def of(cls, connection: dict[str, Any]) -> Server:
        """From the Execution API's connection. Raises MailRefused."""
        try:
            extra = json.loads(connection.get("extra") or "{}")
        except ValueError as error:
            raise MailRefused("the extra of the SMTP connection is no JSON") from error
        if not isinstance(extra, dict):
            extra = {}
        if str(extra.get("auth_type", "basic")) != "basic":
            raise MailRefused(
                "the mail relay signs in with user and password only: auth_type must be basic, or give tasks a "
                "network of their own (AERODROME_TASK_NETWORK=host)"
            )
        host = str(connection.get("host") or "")
        if not host:
            raise MailRefused("the SMTP connection names no host")
        is_ssl = not _true(extra.get("disable_ssl"))
        return cls(
            host=host,
            port=int(connection.get("port") or (465 if is_ssl else 25)),
            user=connection.get("login") or None,
            password=connection.get("password") or None,
            is_ssl=is_ssl,
            # Airflow's hook asks for STARTTLS inside SSL too unless told otherwise, which no server knows: not we.
            starttls=not is_ssl and not _true(extra.get("disable_tls")),
            verifies=extra.get("ssl_context") != "none",
        )


class MailRelay:
    """One per agent. `policy`: which addresses it may connect to, or `off`."""

    def __init__(self, *, policy: Policy) -> None:
        self.policy = policy
        self._at_once = asyncio.Semaphore(AT_ONCE)

    async def send(self, *, mail: Mail, server: Server) -> None:
        """Raises MailRefused with what the server, the network or the policy said."""
        if self.policy == "off":
            raise MailRefused(
                "tasks have no network here (AERODROME_TASK_NETWORK=none), and the agent sends no mail for them "
                "(AERODROME_MAIL_RELAY=off)"
            )
        if len(mail.data) > MOST_BYTES or len(mail.recipients) > MOST_RECIPIENTS:
            raise MailRefused(
                f"a mail may have {MOST_BYTES // 1024**2} MiB and {MOST_RECIPIENTS} recipients at most"
            )
        async with self._at_once:
            try:
                async with asyncio.timeout(SECONDS):
                    address = await self._address(server)
                    await asyncio.to_thread(deliver, mail=mail, server=server, address=address)
            except TimeoutError as error:
                raise MailRefused(
                    f"{server.host}:{server.port} did not take the mail in {SECONDS:g} s"
                ) from error
            except (smtplib.SMTPException, OSError, UnicodeError) as error:
                raise MailRefused(
                    f"{server.host}:{server.port}: {type(error).__name__}: {_said(error)}"
                ) from error

    async def _address(self, server: Server) -> str:
        """One address of the host that may be connected to; that one, so that a second look-up decides nothing."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            if self.policy == "any" or is_public(address):
                return address
        raise MailRefused(
            f"{server.host} is no public address ({', '.join(addresses)}); the operator can allow others with "
            "AERODROME_MAIL_RELAY=any"
        )


def is_public(address: str) -> bool:
    """Whether an address is of the Internet's own: not loopback, private, link-local, shared, multicast or reserved."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if inner:
            return found.ipv4_mapped is not None and is_public(str(inner))
        if found in _NAT64:
            return False
    return found.is_global and not found.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def deliver(*, mail: Mail, server: Server, address: str) -> None:
    """Speak SMTP with the server at `address`. Blocks: on a thread."""
    context = ssl.create_default_context()
    if not server.verifies:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    client: smtplib.SMTP
    if server.is_ssl:
        client = _PinnedSSL(address, server.host, server.port, timeout=SECONDS, context=context)
    else:
        client = _Pinned(address, server.host, server.port, timeout=SECONDS)
    with client:
        if server.starttls:
            client.starttls(context=context)
        if server.user and server.password:
            client.login(server.user, server.password)
        client.sendmail(mail.sender, mail.recipients, mail.data)


class _Pinned(smtplib.SMTP):
    """Connects to the address that was looked at; the name stays for the certificate."""

    def __init__(self, address: str, *args: Any, **keywords: Any) -> None:
        self._address = address
        super().__init__(*args, **keywords)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((self._address, port), timeout)


class _PinnedSSL(smtplib.SMTP_SSL):
    """The same, encrypted from the first byte."""

    def __init__(self, address: str, *args: Any, **keywords: Any) -> None:
        self._address = address
        super().__init__(*args, **keywords)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = socket.create_connection((self._address, port), timeout)
        return self.context.wrap_socket(plain, server_hostname=host)


def _true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "1", "yes")


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error
        return f"{error.smtp_code} {text.decode(errors='replace') if isinstance(text, bytes) else text}"
    return str(error)
