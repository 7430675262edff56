"""A SAML 2.0 identity provider, run as a process of its own: pysaml2's server behind a small web server.

`python saml_idp.py PORT FOLDER`; the folder holds `key.pem` and `cert.pem`. pysaml2 wants a program to sign with; here
the xmlsec library signs instead, the same code as the program's. PUT /service takes a service's metadata, PUT
/people/<name> what is said of somebody, GET /metadata gives the provider's own, POST /sso?SAMLRequest=…&RelayState=…
with the form `sub=<name>` answers with the page that a browser would post on.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import xmlsec
from lxml import etree
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, server, sigver
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.mdstore import MetadataStore
from saml2.metadata import entity_descriptor
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NAMEID_FORMAT_TRANSIENT, NameID
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256


class Signer(sigver.CryptoBackend):
    """Signs templates as pysaml2 makes them, by the library."""

    version = "1.3.0"

    def sign_statement(self, statement: Any, node_name: str, key_file: str, node_id: str) -> str:
        root = etree.fromstring(statement if isinstance(statement, bytes) else str(statement).encode())
        name = node_name.rpartition(":")[2]
        [node] = [
            one for one in root.iter() if one.get("ID") == node_id and etree.QName(one).localname == name
        ]
        template = node.find(f"{{{xmlsec.constants.DSigNs}}}Signature")
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(key_file, xmlsec.constants.KeyDataFormatPem)
        context.register_id(node, "ID")
        context.sign(template)
        return etree.tostring(root).decode()


class Provider:
    """What one process says."""

    def __init__(self, port: int, folder: Path) -> None:
        self.people: dict[str, dict[str, Any]] = {}
        self.config = IdPConfig().load(
            {
                "entityid": f"http://127.0.0.1:{port}/metadata",
                "crypto_backend": "XMLSecurity",
                "key_file": str(folder / "key.pem"),
                "cert_file": str(folder / "cert.pem"),
                "service": {
                    "idp": {
                        "endpoints": {
                            "single_sign_on_service": [
                                (f"http://127.0.0.1:{port}/sso", BINDING_HTTP_REDIRECT)
                            ]
                        },
                        "name_id_format": [NAMEID_FORMAT_PERSISTENT],
                        "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
                    }
                },
            }
        )
        self.config.metadata = MetadataStore(self.config.attribute_converters, self.config)
        self.server = server.Server(config=self.config)
        self.server.sec.crypto = Signer()

    def metadata(self) -> bytes:
        return str(entity_descriptor(self.config)).encode()

    def page(self, query: dict[str, str], person: str) -> str:
        """The form that the browser posts to the service, for a request that is one."""
        asked = self.server.parse_authn_request(query["SAMLRequest"], BINDING_HTTP_REDIRECT)
        place = self.server.response_args(asked.message, [BINDING_HTTP_POST])
        said = dict(self.people[person])
        how = {name: said.pop(name, None) for name in ("sign_response", "sign_assertion", "transient")}
        form = NAMEID_FORMAT_TRANSIENT if how["transient"] else NAMEID_FORMAT_PERSISTENT
        response = self.server.create_authn_response(
            identity=said,
            userid=person,
            name_id=NameID(format=form, text=person, sp_name_qualifier=place["sp_entity_id"]),
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": self.config.entityid},
            sign_response=bool(how["sign_response"]),
            sign_assertion=how["sign_assertion"] is not False,
            sign_alg=SIG_RSA_SHA256,
            digest_alg=DIGEST_SHA256,
            **place,
        )
        shown = self.server.apply_binding(
            place["binding"], str(response), place["destination"], query["RelayState"], response=True
        )
        return "".join(shown["data"])


def handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, provider.metadata())

        def do_PUT(self) -> None:
            if self.path == "/service":
                provider.server.metadata.load("inline", self._body().decode())
            else:
                provider.people[unquote(self.path.rpartition("/")[2])] = json.loads(self._body())
            self._answer(204, b"")

        def do_POST(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            person = parse_qs(self._body().decode())["sub"][0]
            self._answer(200, provider.page(query, person).encode())

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers["Content-Length"]))

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


if __name__ == "__main__":
    PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
    ThreadingHTTPServer(("127.0.0.1", PORT), handler(Provider(PORT, FOLDER))).serve_forever()
