"""An identity provider's own description (SAML metadata) as its organisation uploads it, read into what is kept.

Nothing is fetched: the description is what all later trust stands on, so an Owner hands it in. Kept are the
provider's name, where it signs people in, and the certificates it signs with. Source: SAML 2.0 Metadata, section 2.4.
"""

from __future__ import annotations

import base64
import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from django.conf import settings
from onelogin.saml2.idp_metadata_parser import OneLogin_Saml2_IdPMetadataParser

LEAST_RSA_BITS = 2048
MOST_CERTIFICATES = 10


class MetadataInvalid(ValueError):
    """It describes no identity provider, or none that could be trusted."""


@dataclass(frozen=True, slots=True)
class Described:
    """`certificates`: base64 of DER."""

    entity_id: str
    sign_on_address: str
    certificates: tuple[str, ...]


def read_metadata(text: str) -> Described:
    """Raises MetadataInvalid, which says what is wrong."""
    try:
        found = OneLogin_Saml2_IdPMetadataParser.parse(text.encode()).get("idp", {})
    except Exception as error:  # whatever an XML reader says of what is none
        raise MetadataInvalid("this is no XML that can be read (a document type is refused, too)") from error
    name = found.get("entityId") or ""
    address = found.get("singleSignOnService", {}).get("url") or ""
    if not 0 < len(name) <= 500 or not name.isprintable():
        raise MetadataInvalid("it describes no identity provider: upload the provider's own metadata file")
    _check_address(address)
    certificates = _certificates(found)
    if not 0 < len(certificates) <= MOST_CERTIFICATES:
        raise MetadataInvalid(f"it holds 1 to {MOST_CERTIFICATES} certificates that the provider signs with")
    for text in certificates:
        _check_certificate(text)
    return Described(name, address, certificates)


def told_of_certificates(certificates: list[str]) -> list[dict[str, Any]]:
    """By what people compare them, and until when each says that it is good."""
    read = [x509.load_der_x509_certificate(base64.b64decode(text)) for text in certificates]
    return [{"sha256": one.fingerprint(SHA256()).hex(), "not_after": one.not_valid_after_utc} for one in read]


def _certificates(found: dict[str, Any]) -> tuple[str, ...]:
    several = found.get("x509certMulti", {}).get("signing")
    return tuple(dict.fromkeys(several or filter(None, [found.get("x509cert")])))


def _check_address(address: str) -> None:
    """It is where browsers are sent: encrypted, or in a network that the operator allows."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError as error:
        raise MetadataInvalid("its address for signing in is none") from error
    if not host or not 0 < len(address) <= 2000 or not address.isprintable() or " " in address:
        raise MetadataInvalid("it names no address for signing in by the binding HTTP-Redirect")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_allowed(host)):
        raise MetadataInvalid("its address for signing in must begin with https://")


def _is_allowed(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in network for network in settings.SSO_NETWORKS)


def _check_certificate(text: str) -> None:
    try:
        key = x509.load_der_x509_certificate(base64.b64decode(text, validate=True)).public_key()
    except Exception as error:  # of cryptography's many
        raise MetadataInvalid("one of its certificates cannot be read") from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
        return
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise MetadataInvalid(
            f"one of its certificates is neither RSA of at least {LEAST_RSA_BITS} bits nor ECDSA"
        )
