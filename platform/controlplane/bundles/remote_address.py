"""Where a remote repository is, and whether we may go there: checked as text, resolved once, connected to as found.

A tenant names the host, so the host is a stranger: no internal address, no other protocol than HTTPS and SSH, no
user name or password inside the address, no name that git could take for an option. Pure but for `resolve`.
Source: git-fetch(1) "GIT URLS"; CVE-2017-1000117 and CVE-2018-17456 (hosts and paths that begin with a dash).
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from domain.addresses import may_connect

PROTOCOLS = ("https", "ssh")
_PORTS = {"https": 443, "http": 80, "ssh": 22, "file": 0}
_SHORT = re.compile(r"^([A-Za-z0-9_.-]+)@([A-Za-z0-9.-]+):(?!/)([^\s]+)$")
_HOST = re.compile(r"^(?!-)[A-Za-z0-9.-]{1,253}$|^\[[0-9A-Fa-f:.]+\]$")
_PATH = re.compile(r"^/[A-Za-z0-9._~/%+@-]*$")
_USER = re.compile(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
_REF = re.compile(
    r"^(?![-./])(?!.*(?:\.\.|@\{|//|/\.|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]{1,255}(?<![/.])$"
)


class AddressInvalid(ValueError):
    """Not an address that DAGs can be fetched from; the text says why."""


class HostRefused(AddressInvalid):
    """The host has an internal address, or none."""


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """`path` begins with `/`; `user` is SSH's. `text` is what git is given."""

    protocol: str
    host: str
    port: int
    path: str
    user: str = ""

    @property
    def text(self) -> str:
        if self.protocol == "file":
            return f"file://{self.path}"
        at = f"{self.user}@" if self.user else ""
        port = "" if self.port == _PORTS[self.protocol] else f":{self.port}"
        return f"{self.protocol}://{at}{self.host}{port}{self.path}"

    @property
    def full_name(self) -> str:
        """`owner/name`, as hosts and their webhooks call the repository; case does not matter to them."""
        return self.path.strip("/").removesuffix(".git").casefold()


def read_address(url: str) -> RemoteAddress:
    """The address that people write: `https://host/owner/name.git`, `ssh://git@host/…`, `git@host:owner/name`.

    Raises AddressInvalid.
    """
    text = url.strip()
    if short := _SHORT.match(text):
        text = f"ssh://{short[1]}@{short[2]}/{short[3]}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise AddressInvalid(f"this is not an address: {error}") from None
    allowed = getattr(settings, "GIT_REMOTE_PROTOCOLS", PROTOCOLS)  # no variable sets it: tests do
    if parts.scheme not in allowed:
        raise AddressInvalid(
            f"the address must begin with https:// or ssh:// (or be user@host:path), not {parts.scheme[:20]!r}"
        )
    if parts.query or parts.fragment:
        raise AddressInvalid("the address must have neither ? nor #")
    if parts.password or (parts.username and parts.scheme != "ssh"):
        raise AddressInvalid("write no user or password into the address: give them as credentials")
    if parts.scheme == "file":
        return RemoteAddress("file", "", 0, parts.path)
    host = parts.netloc.rpartition("@")[2]
    host = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    if not _HOST.match(host):
        raise AddressInvalid("the address has no host name that can be used")
    if not _PATH.match(parts.path) or parts.path.strip("/") == "" or "/-" in parts.path or ".." in parts.path:
        raise AddressInvalid("the path must be plain, as in /owner/name.git")
    if port is not None and not 1 <= port <= 65535:
        raise AddressInvalid("the port must lie between 1 and 65535")
    user = parts.username or ("git" if parts.scheme == "ssh" else "")
    if user and not _USER.match(user):
        raise AddressInvalid("the user name must be plain")
    return RemoteAddress(parts.scheme, host.lower(), port or _PORTS[parts.scheme], parts.path, user)


def resolve(*, host: str, port: int) -> list[str]:
    """The addresses of `host`, all of which may be connected to. Raises HostRefused when one may not."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise HostRefused(f"the host {host} has no address: {error}") from None
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    if not addresses or not all(may_connect(each, allowed=settings.GIT_NETWORKS) for each in addresses):
        raise HostRefused(f"the host {host} has an internal address; only public ones may be fetched from")
    return addresses


def check_ref(name: str) -> str:
    """A branch's or tag's name as git allows it (git-check-ref-format). Raises AddressInvalid."""
    if not _REF.match(name) or name == "@" or name == "HEAD":
        raise AddressInvalid(f"{name[:80]!r} is not a name of a branch or tag")
    return name
