"""Which network addresses tenants may make the platform connect to: those of the Internet's own, and no others.

Source: IANA special-purpose address registries (through `ipaddress`); RFC 6052 (NAT64), RFC 3056 (6to4), RFC 4380.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))


def is_public(address: str) -> bool:
    """False for loopback, private, link-local, shared, multicast and reserved addresses, and for IPv6 ones that carry
    an IPv4 address of such a kind, or carry one at all in a way that a gateway would unwrap."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        if found.sixtofour or found.teredo or any(found in network for network in _NAT64):
            return False
    return found.is_global and not found.is_multicast


def may_connect(address: str, *, allowed: Iterable[Network]) -> bool:
    """Public, or in one of the networks that the operator allows."""
    if is_public(address):
        return True
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in allowed)
