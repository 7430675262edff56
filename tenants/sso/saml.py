"""Signing in through SAML 2.0: our request by HTTP-Redirect, the provider's response by HTTP-POST.

`python3-saml` reads and verifies (signatures by xmlsec, the protocol's own schema, dates, issuer); this is its one door.
What that library takes on trust when it is absent is asked for here again, of the element that was signed: an audience
that is us, a confirmation by bearer for this very request and address, and a signature that covers exactly the element
it stands in, so that nothing can be wrapped round it. A response is good once: its request is taken out by the first
answer, and the assertion's id is remembered for as long as it could be told again.

Not spoken: sign-ins that the provider begins by itself, encrypted assertions, signed requests, single log-out.
Source: SAML 2.0 Core, section 2; Profiles, section 4.1.4; the SAML v2.0 Security Considerations, section 6.4.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from xml.sax.saxutils import escape, quoteattr

from django.core.cache import cache
from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from tenants.models.identity_provider import IdentityProvider
from tenants.sso.addresses import service_address
from tenants.sso.arrive import MOST_GROUPS, Arrival
from tenants.sso.refusals import SignOnRefused

SKEW_SECONDS = 120
"""How far the provider's clock may be from ours."""
REMEMBER_SECONDS = 24 * 3600
"""For how long an assertion's id is remembered; one that says it is good for longer is refused."""
SIGNATURES = frozenset(
    f"http://www.w3.org/2001/04/xmldsig-more#{name}"
    for name in ("rsa-sha256", "rsa-sha384", "rsa-sha512", "ecdsa-sha256", "ecdsa-sha384", "ecdsa-sha512")
)
DIGESTS = frozenset(
    {
        "http://www.w3.org/2001/04/xmlenc#sha256",
        "http://www.w3.org/2001/04/xmldsig-more#sha384",
        "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
CANONICAL = frozenset(
    {"http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2001/10/xml-exc-c14n#WithComments"}
)
TRANSFORMS = CANONICAL | {"http://www.w3.org/2000/09/xmldsig#enveloped-signature"}
EMAIL = ("email", "mail", "urn:oid:0.9.2342.19200300.100.1.3")
USERNAME = ("username", "uid", "urn:oid:0.9.2342.19200300.100.1.1")
FULL_NAME = ("displayName", "name", "cn", "urn:oid:2.16.840.1.113730.3.1.241", "urn:oid:2.5.4.3")
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"


def begin_address(provider: IdentityProvider, state: str) -> tuple[str, dict[str, str]]:
    """(where the browser goes, what is kept until it comes back)."""
    request = OneLogin_Saml2_Authn_Request(_settings(provider))
    query = urlencode({"SAMLRequest": request.get_request(), "RelayState": state})
    address = str(provider.config["sign_on_address"])
    return f"{address}{'&' if '?' in address else '?'}{query}", {"request_id": request.get_id()}


def read_answer(provider: IdentityProvider, begun: dict[str, Any], response: str, now: datetime) -> Arrival:
    """Whom the provider speaks of. Raises SignOnRefused."""
    place = urlsplit(service_address(provider))
    asked = {
        "http_host": place.netloc,
        "script_name": place.path,
        "https": "on" if place.scheme == "https" else "off",
    }
    try:
        found = OneLogin_Saml2_Response(_settings(provider), response)
        found.is_valid(asked, request_id=begun["request_id"], raise_exceptions=True)
        _check(found, provider, begun["request_id"], now)
        name, attributes = found.get_nameid_data(), _attributes(found)
    except SignOnRefused:
        raise
    except (OneLogin_Saml2_ValidationError, OneLogin_Saml2_Error) as error:
        raise SignOnRefused(f"the provider's response is not accepted: {str(error)[:300]}") from error
    except Exception as error:  # what XML readers and xmlsec say of what somebody made up
        raise SignOnRefused("the provider's response cannot be read") from error
    _remember(provider, str(found.get_assertion_id()))
    return _arrival(provider, name, attributes)


def describe_service(provider: IdentityProvider) -> str:
    """Our own metadata, for the provider."""
    address = quoteattr(service_address(provider))
    return (
        f'<?xml version="1.0"?>\n<md:EntityDescriptor xmlns:md="{escape(Names.NS_MD)}" entityID={address}>\n'
        f'  <md:SPSSODescriptor AuthnRequestsSigned="false" WantAssertionsSigned="true"'
        f' protocolSupportEnumeration="{Names.NS_SAMLP}">\n'
        f"    <md:NameIDFormat>{Names.NAMEID_PERSISTENT}</md:NameIDFormat>\n"
        f'    <md:AssertionConsumerService Binding="{Names.BINDING_HTTP_POST}" Location={address} index="1"/>\n'
        "  </md:SPSSODescriptor>\n</md:EntityDescriptor>\n"
    )


def _settings(provider: IdentityProvider) -> OneLogin_Saml2_Settings:
    address = service_address(provider)
    return OneLogin_Saml2_Settings(
        {
            "strict": True,
            "debug": False,
            "sp": {
                "entityId": address,
                "assertionConsumerService": {"url": address, "binding": Names.BINDING_HTTP_POST},
                "NameIDFormat": Names.NAMEID_UNSPECIFIED,
            },
            "idp": {
                "entityId": provider.issuer,
                "singleSignOnService": {
                    "url": provider.config["sign_on_address"],
                    "binding": Names.BINDING_HTTP_REDIRECT,
                },
                "x509certMulti": {"signing": list(provider.config["certificates"])},
            },
            "security": {
                "rejectDeprecatedAlgorithm": True,
                "requestedAuthnContext": False,
                "wantAttributeStatement": False,
                "allowRepeatAttributeName": True,
            },
        }
    )


def _check(
    found: OneLogin_Saml2_Response, provider: IdentityProvider, request_id: str, now: datetime
) -> None:
    """After the library's own checks. Raises SignOnRefused."""
    address, document = service_address(provider), found.document
    if found.encrypted:
        raise SignOnRefused("the assertion is encrypted: switch encryption off at the provider")
    _check_signatures(document)
    if document.get("InResponseTo") != request_id:
        raise SignOnRefused("the response is not to the request of this sign-in")
    if document.get("Destination") not in (None, address):
        raise SignOnRefused("the response is meant for another address")
    if address not in found.get_audiences():
        raise SignOnRefused("the assertion is meant for another audience")
    [assertion] = document.findall("saml:Assertion", Names.NSMAP)
    for condition in assertion.findall("saml:Conditions", Names.NSMAP):
        _check_times(condition, now)
    confirmations = assertion.findall("saml:Subject/saml:SubjectConfirmation", Names.NSMAP)
    if not any(_confirms(one, address, request_id, now) for one in confirmations):
        raise SignOnRefused("the assertion does not confirm this sign-in: another request, address or time")


def _check_signatures(document: Any) -> None:
    """Each signature covers the whole of the element it stands in, and no two elements have one name."""
    names = [element.get("ID") for element in document.iter() if element.get("ID") is not None]
    if len(names) != len(set(names)):
        raise SignOnRefused("two elements of the response have one id")
    signed = 0
    for element in (document, *document.findall("saml:Assertion", Names.NSMAP)):
        for signature in element.findall("ds:Signature", Names.NSMAP):
            signed += 1
            references = signature.findall("ds:SignedInfo/ds:Reference", Names.NSMAP)
            if [one.get("URI") for one in references] != [f"#{element.get('ID')}"]:
                raise SignOnRefused("a signature of the response covers something else")
            wrong = (
                _named(signature, "ds:SignedInfo/ds:SignatureMethod") - SIGNATURES
                or _named(signature, "ds:SignedInfo/ds:CanonicalizationMethod") - CANONICAL
                or _named(references[0], "ds:DigestMethod") - DIGESTS
                or _named(references[0], "ds:Transforms/ds:Transform") - TRANSFORMS
                or signature.findall("ds:Object", Names.NSMAP)
            )
            if wrong:
                raise SignOnRefused(
                    "the response is signed in a way that is not accepted: use RSA or ECDSA with SHA-256"
                )
    if signed == 0 or signed != len(list(document.iter(f"{{{Names.NS_DS}}}Signature"))):
        raise SignOnRefused("the response is not signed where it must be")


def _named(element: Any, path: str) -> set[str]:
    return {str(one.get("Algorithm")) for one in element.findall(path, Names.NSMAP)}


def _confirms(confirmation: Any, address: str, request_id: str, now: datetime) -> bool:
    """Whether it is by bearer, for this address and request, and now (Profiles, 4.1.4.2: all must be there)."""
    data = confirmation.find("saml:SubjectConfirmationData", Names.NSMAP)
    if confirmation.get("Method") != Names.CM_BEARER or data is None or data.get("NotOnOrAfter") is None:
        return False
    try:
        _check_times(data, now)
    except SignOnRefused:
        return False
    return bool(data.get("Recipient") == address and data.get("InResponseTo") == request_id)


def _check_times(element: Any, now: datetime) -> None:
    begins, ends = element.get("NotBefore"), element.get("NotOnOrAfter")
    at = now.timestamp()
    if begins is not None and OneLogin_Saml2_Utils.parse_SAML_to_time(begins) > at + SKEW_SECONDS:
        raise SignOnRefused("the assertion is not good yet: is the provider's clock right?")
    if ends is not None:
        until = OneLogin_Saml2_Utils.parse_SAML_to_time(ends)
        if until <= at - SKEW_SECONDS:
            raise SignOnRefused("the assertion is over: begin again")
        if until > at + REMEMBER_SECONDS - SKEW_SECONDS:
            raise SignOnRefused("the assertion says that it is good for more than a day")


def _remember(provider: IdentityProvider, assertion_id: str) -> None:
    name = hashlib.sha256(assertion_id.encode()).hexdigest()
    if not cache.add(f"sso:assertion:{provider.id}:{name}", 1, timeout=REMEMBER_SECONDS):
        raise SignOnRefused("this assertion was used before")


def _attributes(found: OneLogin_Saml2_Response) -> dict[str, list[str]]:
    """By name, and by friendly name where no attribute has that as its name."""
    both: dict[str, list[Any]] = {**found.get_friendlyname_attributes(), **found.get_attributes()}
    return {name: [one for one in values if isinstance(one, str)] for name, values in both.items()}


def _arrival(provider: IdentityProvider, name: dict[str, str], attributes: dict[str, list[str]]) -> Arrival:
    subject = name.get("Value") or ""
    if name.get("Format") == Names.NAMEID_TRANSIENT:
        raise SignOnRefused("the provider names the person anew each time: it must send a persistent NameID")
    if not 0 < len(subject) <= 255 or not subject.isprintable():
        raise SignOnRefused("the provider gives the person no usable id")
    return Arrival(
        subject=subject,
        groups=tuple(attributes.get(provider.groups_claim, []))[:MOST_GROUPS],
        email=_first(attributes, (*EMAIL, f"{CLAIMS}emailaddress")),
        username=_first(attributes, USERNAME),
        full_name=_first(attributes, (*FULL_NAME, f"{CLAIMS}name")),
    )


def _first(attributes: dict[str, list[str]], names: Iterable[str]) -> str:
    return next((attributes[name][0] for name in names if attributes.get(name)), "")
