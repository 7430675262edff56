"""Single sign-on by SAML 2.0, through the process of a real identity provider; and what is refused of its answers."""

from __future__ import annotations

import base64
import copy
import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.test import Client, override_settings
from lxml import etree

from tenants.models.identity_provider import IdentityProvider
from tenants.models.organisation_member import OrganisationMember
from tenants.models.tenant import Tenant
from tenants.models.user import User
from tests.support.actors import Actor, Answer, Door
from tests.support.audit_rows import platform_rows
from tests.support.factories import make_member, make_person
from tests.support.saml_provider import NAMES, Alter, SamlProvider, make_key, running_saml_provider, sign

REFUSED = (401, "sign-on-refused")


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamlProvider]:
    with running_saml_provider(tmp_path_factory.mktemp("saml")) as provider:
        yield provider


@pytest.fixture(autouse=True)
def near(database: None) -> Iterator[None]:
    """The operator allows providers on the loopback."""
    with override_settings(SSO_NETWORKS=(ipaddress.ip_network("127.0.0.0/8"),)):
        yield


@pytest.fixture
def portal() -> Door:
    return Door(prefix="/api/portal/v1", token=None)


def owner_of(tenant: Tenant) -> Actor:
    row = OrganisationMember.objects.using("auth").get(organisation_id=tenant.organisation_id, role="Owner")
    return Actor(user=row.user, tenant=tenant, role="Owner")


def path(tenant: Tenant, rest: str = "") -> str:
    return f"/organisations/{tenant.organisation_id}/identity-providers{rest}"


def body(idp: SamlProvider, *mapped: tuple[str, str]) -> dict[str, Any]:
    role_map = [{"group": group, "tenant": "alpha", "role": role} for group, role in mapped]
    return {"kind": "saml", "name": "Our people", "metadata": idp.metadata(), "role_map": role_map}


def set_up(tenant: Tenant, idp: SamlProvider, *mapped: tuple[str, str]) -> dict[str, Any]:
    """Both sides know each other: each by the other's own description."""
    answer = owner_of(tenant).portal().post(path(tenant), body(idp, *mapped))
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    described = Client().get(urlsplit(made["callback"]).path)
    assert described.headers["Content-Type"] == "application/samlmetadata+xml"
    idp.learn_service(described.content.decode())
    return made


def posted(action: str, fields: dict[str, str]) -> Any:
    """What a browser gets that posts the provider's form."""
    return Client().post(
        urlsplit(action).path, urlencode(fields), content_type="application/x-www-form-urlencoded"
    )


def sign_on(
    portal: Door,
    idp: SamlProvider,
    made: dict[str, Any],
    person: str,
    *,
    change: Callable[[str], str] | None = None,
    **wrong: str,
) -> Answer:
    """The whole way of a browser. `change`: of the response; `wrong`: what its last step sends instead."""
    begun = portal.post(f"/sso/{made['id']}/begin")
    assert begun.status == 200, begun.body
    action, fields = idp.browse(begun["address"], person)
    assert (action, fields["RelayState"]) == (made["callback"], begun["state"])
    if change is not None:
        fields["SAMLResponse"] = change(fields["SAMLResponse"])
    moved = posted(action, fields)
    assert moved.status_code == 303, moved.content
    back = {name: values[0] for name, values in parse_qs(urlsplit(moved.headers["Location"]).query).items()}
    return portal.post("/sso/finish", {**back, "binding": begun["binding"], **wrong})


def door(answer: Answer) -> Door:
    return Door(prefix="/api/portal/v1", token=answer["access_token"])


@pytest.mark.parametrize(
    "how", [{}, {"sign_response": True, "sign_assertion": False}, {"sign_response": True}]
)
def test_a_group_gives_a_role_however_the_response_is_signed(
    portal: Door, idp: SamlProvider, tenant: Tenant, how: dict[str, bool]
) -> None:
    made = set_up(tenant, idp, ("data", "Author"), ("everybody", "Viewer"))
    idp.put_person("p-1", mail="ada@corp.example", uid="ada", groups=["data", "everybody"], **how)
    answer = sign_on(portal, idp, made, "p-1")
    assert answer.status == 200, answer.body
    assert [(row["slug"], row["role"]) for row in answer["tenants"]] == [("alpha", "Author")]
    assert answer["user"]["email"] == "ada@corp.example"
    assert Door(prefix="/t/alpha/api/v2", token=answer["access_token"]).get("/dags").status == 200
    idp.put_person("p-1", groups=["other"], **how)
    again = sign_on(portal, idp, made, "p-1")
    assert (again["user"]["id"], again["tenants"]) == (answer["user"]["id"], [])
    assert door(answer).get("/tenants/alpha").status == 404


def test_a_strangers_provider_opens_none_of_our_tenants(
    portal: Door, idp: SamlProvider, tenant: Tenant, stranger: Actor
) -> None:
    theirs = owner_of(stranger.tenant).portal()
    refused = theirs.post(path(stranger.tenant), body(idp, ("g", "Admin")))
    assert (refused.status, refused["code"]) == (422, "provider-invalid")
    made = set_up(stranger.tenant, idp)
    victim = make_member(tenant=tenant, role="Admin", user=make_person("victim"))
    idp.put_person("victim", mail=victim.email, uid="victim", groups=["g"])
    signed = sign_on(portal, idp, made, "victim")
    assert signed.status == 200, signed.body
    assert signed["user"]["id"] != str(victim.id) and signed["tenants"] == []
    make_member(tenant=tenant, role="Owner", user=User.objects.using("auth").get(id=signed["user"]["id"]))
    assert door(signed).get("/tenants/alpha").status == 404


def test_who_sets_one_up(idp: SamlProvider, tenant: Tenant, stranger: Actor) -> None:
    admin = make_person()
    OrganisationMember(organisation_id=tenant.organisation_id, user=admin, role="Admin").save(
        using="auth", force_insert=True
    )
    refused = Actor(user=admin, tenant=tenant, role="").portal().post(path(tenant), body(idp))
    assert (refused.status, refused["code"]) == (403, "permission-missing")
    assert stranger.portal().post(path(tenant), body(idp)).status == 404
    assert not IdentityProvider.objects.using("auth").exists()


def test_an_answer_is_good_once_and_in_its_own_browser(
    portal: Door, idp: SamlProvider, tenant: Tenant
) -> None:
    made = set_up(tenant, idp)
    idp.put_person("dora", groups=[])
    for wrong in ({"state": "x"}, {"binding": "x"}, {"code": "x"}):
        refused = sign_on(portal, idp, made, "dora", **wrong)
        assert (refused.status, refused["code"]) == REFUSED, wrong
    kept: list[str] = []
    assert sign_on(portal, idp, made, "dora", change=lambda text: kept.append(text) or text).status == 200
    # The same response again, to a sign-in that waits for another one.
    again = sign_on(portal, idp, made, "dora", change=lambda _: kept[0])
    assert (again.status, again["code"]) == REFUSED
    # Only so many answers are kept of one sign-in.
    begun = portal.post(f"/sso/{made['id']}/begin")
    form = {"SAMLResponse": kept[0], "RelayState": begun["state"]}
    assert [posted(made["callback"], form).status_code for _ in range(6)] == [303] * 5 + [429]
    # Nobody began a sign-in with this state; or began it at another provider.
    other = set_up(tenant, idp)
    begun = portal.post(f"/sso/{other['id']}/begin")
    for place, state in ((made, "nothing"), (made, begun["state"])):
        answer = posted(place["callback"], {"SAMLResponse": kept[0], "RelayState": state})
        assert answer.status_code == 401, answer.content


def test_an_assertion_is_good_once_even_if_its_request_were_not(
    portal: Door, idp: SamlProvider, tenant: Tenant
) -> None:
    made, names = set_up(tenant, idp), []
    idp.put_person("ed", groups=[])

    def same_name(response: str) -> str:
        def alter(root: Any) -> None:
            [assertion] = root.findall("a:Assertion", NAMES)
            names.append(assertion.get("ID"))
            assertion.set("ID", names[0])

        return idp.altered(response, alter, signed=True)

    assert sign_on(portal, idp, made, "ed", change=same_name).status == 200
    again = sign_on(portal, idp, made, "ed", change=same_name)
    assert (again.status, again["detail"]) == (401, "this assertion was used before")


def _text(place: str, text: str) -> Alter:
    def alter(root: Any) -> None:
        for node in root.iterfind(place, NAMES):
            node.text = text

    return alter


def _mark(place: str, name: str, value: str | None) -> Alter:
    def alter(root: Any) -> None:
        for node in [root] if place == "." else root.findall(place, NAMES):
            node.attrib.pop(name, None)
            if value is not None:
                node.set(name, value)

    return alter


def _gone(place: str) -> Alter:
    def alter(root: Any) -> None:
        for node in root.findall(place, NAMES):
            node.getparent().remove(node)

    return alter


def _at(minutes: int) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


DATA = "a:Assertion/a:Subject/a:SubjectConfirmation/a:SubjectConfirmationData"
CONDITIONS = "a:Assertion/a:Conditions"
SIGNED_AND_WRONG: dict[str, Callable[[], Alter]] = {
    "for another audience": lambda: _text(f"{CONDITIONS}//a:Audience", "https://elsewhere.example/"),
    "for any audience": lambda: _gone(f"{CONDITIONS}/a:AudienceRestriction"),
    "without conditions": lambda: _gone(CONDITIONS),
    "for another recipient": lambda: _mark(DATA, "Recipient", "https://elsewhere.example/"),
    "for a longer recipient": lambda: _mark(DATA, "Recipient", "https://x.example/?http://localhost/"),
    "for any recipient": lambda: _mark(DATA, "Recipient", None),
    "to another request": lambda: _mark(DATA, "InResponseTo", "_another"),
    "to no request": lambda: _mark(DATA, "InResponseTo", None),
    "answers another request": lambda: _mark(".", "InResponseTo", "_another"),
    "answers no request": lambda: _mark(".", "InResponseTo", None),
    "sent elsewhere": lambda: _mark(".", "Destination", "https://elsewhere.example/"),
    "confirmed till long ago": lambda: _mark(DATA, "NotOnOrAfter", _at(-60)),
    "confirmed for ever": lambda: _mark(DATA, "NotOnOrAfter", None),
    "over": lambda: _mark(CONDITIONS, "NotOnOrAfter", _at(-10)),
    "not yet good": lambda: _mark(CONDITIONS, "NotBefore", _at(10)),
    "good for a month": lambda: _mark(DATA, "NotOnOrAfter", _at(60 * 24 * 30)),
    "by another issuer": lambda: _text("a:Assertion/a:Issuer", "https://elsewhere.example/"),
    "not by bearer": lambda: _mark(
        "a:Assertion/a:Subject/a:SubjectConfirmation",
        "Method",
        "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
    ),
    "without a name": lambda: _gone("a:Assertion/a:Subject/a:NameID"),
    "a failure": lambda: _mark(
        "p:Status/p:StatusCode", "Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"
    ),
}


def test_what_the_provider_signs_for_somebody_else_or_another_time_is_refused(
    portal: Door, idp: SamlProvider, tenant: Tenant
) -> None:
    made = set_up(tenant, idp)
    idp.put_person("fay", groups=[])
    for wrong, alteration in SIGNED_AND_WRONG.items():
        alter = alteration()
        answer = sign_on(
            portal, idp, made, "fay", change=lambda text, a=alter: idp.altered(text, a, signed=True)
        )
        assert (answer.status, answer["code"]) == REFUSED, wrong
    assert not IdentityProvider.objects.using("auth").filter(people__subject="fay").exists()


def test_what_is_signed_anew_and_not_altered_is_taken(
    portal: Door, idp: SamlProvider, tenant: Tenant
) -> None:
    """The negative control of all these: the tests' own signing is right, and clocks may differ a little."""
    made = set_up(tenant, idp)
    idp.put_person("fay", groups=[])
    for alter in (lambda root: None, _mark(CONDITIONS, "NotBefore", _at(1))):
        answer = sign_on(
            portal, idp, made, "fay", change=lambda text, alter=alter: idp.altered(text, alter, signed=True)
        )
        assert answer.status == 200, answer.body


def _evil(root: Any) -> Any:
    """A copy of the assertion, unsigned, about somebody else."""
    [assertion] = root.findall("a:Assertion", NAMES)
    evil = copy.deepcopy(assertion)
    for signature in evil.findall("ds:Signature", NAMES):
        evil.remove(signature)
    evil.set("ID", "_evil")
    evil.find("a:Subject/a:NameID", NAMES).text = "chief"
    return evil


def _before(root: Any) -> None:
    root.insert(list(root).index(root.find("a:Assertion", NAMES)), _evil(root))


def _after(root: Any) -> None:
    root.append(_evil(root))


def _around(root: Any) -> None:
    """The signed one inside the evil one, which takes its name."""
    evil, [good] = _evil(root), root.findall("a:Assertion", NAMES)
    root.replace(good, evil)
    evil.append(good)


def _in_extensions(root: Any) -> None:
    evil, [good] = _evil(root), root.findall("a:Assertion", NAMES)
    root.replace(good, evil)
    extensions = etree.Element(f"{{{NAMES['p']}}}Extensions")
    extensions.append(good)
    root.insert(1, extensions)


def _in_the_signature(root: Any) -> None:
    """The evil one carries the signature, which holds the good one as its object."""
    evil, [good] = _evil(root), root.findall("a:Assertion", NAMES)
    [signature] = root.findall(".//ds:Signature", NAMES)
    signature.getparent().remove(signature)
    evil.insert(1, signature)
    kept = etree.SubElement(signature, f"{{{NAMES['ds']}}}Object")
    root.replace(good, evil)
    kept.append(good)


def _same_name(root: Any) -> None:
    """Two of one name: which is read and which is verified?"""
    evil, [good] = _evil(root), root.findall("a:Assertion", NAMES)
    evil.set("ID", good.get("ID"))
    root.insert(1, evil)


def _unsigned(root: Any) -> None:
    for node in root.findall(".//ds:Signature", NAMES):
        node.getparent().remove(node)


FORGED: dict[str, Alter] = {
    "another before it": _before,
    "another after it": _after,
    "another around it": _around,
    "the signed one in extensions": _in_extensions,
    "the signed one in its signature": _in_the_signature,
    "another of its name": _same_name,
    "no signature": _unsigned,
    "another name": _text("a:Assertion/a:Subject/a:NameID", "chief"),
    "another group": _text("a:Assertion/a:AttributeStatement//a:AttributeValue", "chiefs"),
}


@pytest.mark.parametrize("how", [{}, {"sign_response": True, "sign_assertion": False}])
def test_what_is_wrapped_round_a_signed_response_is_refused(
    portal: Door, idp: SamlProvider, tenant: Tenant, how: dict[str, bool]
) -> None:
    made = set_up(tenant, idp, ("chiefs", "Admin"))
    idp.put_person("gus", groups=["data"], **how)
    for forged, alter in FORGED.items():
        answer = sign_on(
            portal, idp, made, "gus", change=lambda text, a=alter: idp.altered(text, a, signed=False)
        )
        assert (answer.status, answer["code"]) == REFUSED, forged
    assert not IdentityProvider.objects.using("auth").filter(people__isnull=False).exists()
    assert sign_on(portal, idp, made, "gus").status == 200


def test_other_keys_and_weak_signatures_are_refused(
    portal: Door, idp: SamlProvider, tenant: Tenant, tmp_path: Path
) -> None:
    made = set_up(tenant, idp)
    idp.put_person("hal", groups=[])
    make_key(tmp_path)
    ways: list[dict[str, Any]] = [
        {"key": tmp_path / "key.pem"},
        {"key": idp.key, "method": "TransformRsaSha1"},
        {"key": idp.key, "digest": "TransformSha1"},
    ]
    for way in ways:

        def alter(root: Any, way: dict[str, Any] = way) -> None:
            for node in root.findall("a:Assertion", NAMES):
                sign(node, **way)

        answer = sign_on(
            portal, idp, made, "hal", change=lambda text, a=alter: idp.altered(text, a, signed=False)
        )
        assert (answer.status, answer["code"]) == REFUSED, way


def test_a_comment_in_a_name_does_not_cut_it(portal: Door, idp: SamlProvider, tenant: Tenant) -> None:
    """Signatures do not cover comments: whoever may choose their own name puts one into it afterwards."""
    made = set_up(tenant, idp)
    idp.put_person("chief.evil", uid="ivan", groups=[])

    def cut(text: str) -> str:
        plain = base64.b64decode(text).replace(b"chief.evil", b"chief<!-- -->.evil")
        assert b"<!-- -->" in plain
        return base64.b64encode(plain).decode()

    first = sign_on(portal, idp, made, "chief.evil")
    second = sign_on(portal, idp, made, "chief.evil", change=cut)
    assert second["user"]["id"] == first["user"]["id"]
    idp.put_person("chief", uid="chief", groups=[])
    assert sign_on(portal, idp, made, "chief")["user"]["id"] != first["user"]["id"]


def test_names_that_change_each_time_are_refused(portal: Door, idp: SamlProvider, tenant: Tenant) -> None:
    made = set_up(tenant, idp)
    idp.put_person("jo", groups=[], transient=True)
    answer = sign_on(portal, idp, made, "jo")
    assert answer.status == 401 and "persistent" in answer["detail"]


@pytest.mark.parametrize(
    "text", ["", "%%%", "PGE+", base64.b64encode(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>").decode()]
)
def test_what_is_no_response_is_refused(portal: Door, idp: SamlProvider, tenant: Tenant, text: str) -> None:
    made = set_up(tenant, idp)
    begun = portal.post(f"/sso/{made['id']}/begin")
    answer = posted(made["callback"], {"SAMLResponse": text, "RelayState": begun["state"]})
    if not text:
        assert answer.status_code == 422
        return
    back = {n: v[0] for n, v in parse_qs(urlsplit(answer.headers["Location"]).query).items()}
    refused = portal.post("/sso/finish", {**back, "binding": begun["binding"]})
    assert (refused.status, refused["code"]) == REFUSED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metadata": "no xml"}, "metadata"),
        ({"metadata": "<a/>"}, "metadata"),
        ({"metadata": "<!DOCTYPE a><a/>"}, "metadata"),
        ({"metadata": None}, "metadata"),
        ({"issuer": "https://id.example"}, "issuer"),
        ({"kind": "other"}, "kind"),
        ({"kind": "oidc"}, "issuer"),
    ],
)
def test_a_description_that_is_none(
    idp: SamlProvider, tenant: Tenant, change: dict[str, Any], field: str
) -> None:
    sent = {name: value for name, value in {**body(idp), **change}.items() if value is not None}
    answer = owner_of(tenant).portal().post(path(tenant), sent)
    assert answer.status == 422 and field in str(answer.body), answer.body
    assert not IdentityProvider.objects.using("auth").exists()


def test_weak_keys_and_plain_addresses_are_not_taken(
    idp: SamlProvider, tenant: Tenant, tmp_path: Path
) -> None:
    make_key(tmp_path, bits=1024)
    weak = "".join((tmp_path / "cert.pem").read_text().splitlines()[1:-1])
    told = idp.metadata()
    certificate = told.partition("X509Certificate>")[2].partition("<")[0]
    with override_settings(SSO_NETWORKS=()):
        plain = owner_of(tenant).portal().post(path(tenant), body(idp))
    assert plain.status == 422 and "https" in plain["detail"]
    answer = (
        owner_of(tenant)
        .portal()
        .post(path(tenant), {**body(idp), "metadata": told.replace(certificate, weak)})
    )
    assert answer.status == 422 and "2048" in answer["detail"]


def test_a_new_description_is_told_of_in_the_audit(
    portal: Door, idp: SamlProvider, tenant: Tenant, tmp_path: Path
) -> None:
    made = set_up(tenant, idp)
    make_key(tmp_path)
    fresh = "".join((tmp_path / "cert.pem").read_text().splitlines()[1:-1])
    told = idp.metadata()
    certificate = told.partition("X509Certificate>")[2].partition("<")[0]
    place = path(tenant, f"/{made['id']}")
    changed = owner_of(tenant).portal().patch(place, {"metadata": told.replace(certificate, fresh)})
    assert changed.status == 200
    assert changed["certificates"][0]["sha256"] != made["certificates"][0]["sha256"]
    [row] = platform_rows(action="identity_provider.changed")
    assert row["before"] == {"signs_with": [made["certificates"][0]["sha256"]]}
    assert row["after"] == {"signs_with": [changed["certificates"][0]["sha256"]]}
    idp.put_person("kim", groups=[])
    assert sign_on(portal, idp, made, "kim").status == 401  # the old key is not trusted any more
